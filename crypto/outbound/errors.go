package outbound

import (
	"fmt"

	"github.com/issuant/issuant/internal/code"
)

// Errors of this package. Details are wrapped around them; none holds a secret or
// any part of a body.
var (
	// ErrCredentials: what the operator configured cannot be used.
	ErrCredentials = code.New(code.Config, "outbound: credentials are not usable")
	// ErrRequest: the request cannot be signed unambiguously; the caller changes it.
	ErrRequest = code.New(code.Outgoing, "outbound: request cannot be signed")
	// ErrTooLarge: a body is longer than MaxBody.
	ErrTooLarge = code.New(code.Limit, "outbound: body is too large")
	// ErrOpen is the one answer to every body that cannot be opened: the text is
	// constant. What was wrong is behind the method Detail() string, for the record.
	ErrOpen = code.New(code.Decryption, "outbound: encrypted body cannot be opened")
)

func credentials(format string, args ...any) error { return wrap(ErrCredentials, format, args) }

func request(format string, args ...any) error { return wrap(ErrRequest, format, args) }

func wrap(kind error, format string, args []any) error {
	return fmt.Errorf("%w: %s", kind, fmt.Sprintf(format, args...))
}
