package card

import "fmt"

// Wallet is the wallet instance that a payload binds a card to. Its values come from
// the phone; the network compares them with what the wallet sends in its own
// request, so they are passed on as they came.
type Wallet struct {
	RequestorID string // token requestor id (TRID) of the wallet at the network, 11 digits: configuration, not a constant
	AccountID   string // of the wallet: Google's active wallet id, Samsung's WALLET_USER_ID
	DeviceID    string // Google's stable hardware id, Samsung's DEVICE_ID
	AppID       string // of the issuer's app, agreed at onboarding
}

// CheckRequestor returns a *FieldError unless there is a wallet whose requestor id has 11 digits.
func (w *Wallet) CheckRequestor(field string) error {
	if w == nil {
		return NewFieldError(ErrField, field, "the wallet is missing")
	}
	if _, ok := number(w.RequestorID, 11); !ok {
		return NewFieldError(ErrField, field, "a token requestor id has 11 digits")
	}
	return nil
}

// Handle passes a value from the phone: up to max bytes of printable ASCII without
// blanks, quotes and backslashes.
func Handle(field, s string, max int) error {
	switch {
	case s == "":
		return NewFieldError(ErrField, field, "it is missing")
	case len(s) > max:
		return NewFieldError(ErrField, field, fmt.Sprintf("it has more than %d characters", max))
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return NewFieldError(ErrField, field, "it is not printable ASCII without blanks, quotes and backslashes")
		}
	}
	return nil
}
