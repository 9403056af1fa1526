package outbound

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/issuant/issuant/crypto/secret"
)

// BasicAuthorization returns the value of the header Authorization for HTTP Basic
// (RFC 7617, UTF-8): "Basic " and the Base64 of user, colon and password. The value
// is as secret as the password. A user that is empty or holds a colon, a control
// character in either, text that is not UTF-8 or longer than 1024 bytes, and an
// empty password are ErrCredentials.
func BasicAuthorization(user string, password secret.Text) (string, error) {
	pass := password.Reveal()
	switch {
	case user == "" || pass == "":
		return "", credentials("Basic needs a user and a password")
	case strings.Contains(user, ":"):
		return "", credentials("a user name of Basic has no colon")
	case !printable(user) || !printable(pass):
		return "", credentials("user and password of Basic are UTF-8 of at most %d bytes without control characters", maxCredential)
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+pass)), nil
}

func printable(s string) bool {
	return len(s) <= maxCredential && utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) < 0
}
