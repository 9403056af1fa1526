package secret

import "github.com/issuant/issuant/internal/code"

// Errors of this package; none ever carries any part of the input.
var (
	ErrPAN     = code.New(code.PAN, "secret: not a card number: 12 to 19 digits, nothing between them, with a right check digit")
	ErrMask    = code.New(code.PAN, "secret: not a masked card number: 6 to 8 digits, at least 4 of one of # * X x, then 4 digits, 12 to 19 in all")
	ErrRefKey  = code.New(code.Config, "secret: a reference key needs an id of 1 to 16 of a-z 0-9 _ - and at least 32 bytes")
	ErrRefKeys = code.New(code.DuplicateKey, "secret: two reference keys have the same id")
	ErrEncode  = code.New(code.Internal, "secret: a secret has no binary form; reveal it where that is meant")
)
