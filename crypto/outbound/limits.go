package outbound

import "time"

// Bounds, inclusive.
const (
	MaxBody = 1 << 20 // bytes of a body that is signed or encrypted

	maxCredential = 1024         // bytes of a user name, password, shared secret or consumer key
	maxURL        = 8 << 10      // bytes of a path and a query
	maxNow        = 253402300799 // the last second of the year 9999
)

// seconds returns now in Unix seconds; an instant outside 1970 to 9999 is
// ErrRequest: a host whose clock is not set must not sign.
func seconds(now time.Time) (int64, error) {
	s := now.Unix()
	if s < 0 || s > maxNow {
		return 0, request("the clock is not set: the instant lies outside the years 1970 to 9999")
	}
	return s, nil
}

// visible reports whether s is printable ASCII without blanks and without any byte of but.
func visible(s, but string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
		for j := range len(but) {
			if s[i] == but[j] {
				return false
			}
		}
	}
	return true
}
