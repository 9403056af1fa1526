package transport

import (
	"github.com/issuant/issuant/crypto/outbound"
	"github.com/issuant/issuant/internal/code"
)

// Errors of this package; those of outbound pass through it. None holds a secret or
// any part of a body.
var (
	// ErrOptions: a Transport cannot be made from its options.
	ErrOptions = code.New(code.Config, "transport: options are not usable")
	// ErrHost: the request goes to a host, or over a scheme, that must not see the credentials.
	ErrHost = code.New(code.Host, "transport: credentials are not for this address")
	// ErrAnswer: an answer is too large, or not encrypted where it must be.
	ErrAnswer = code.New(code.Answer, "transport: answer cannot be used")
	// ErrRequest is outbound.ErrRequest.
	ErrRequest = outbound.ErrRequest
)
