package outbound

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/secret"
)

// XPayHeader is the header that carries the token of XPayToken.
const XPayHeader = "X-Pay-Token"

// XPayToken returns the value of Visa's header x-pay-token: "xv2:", the Unix
// seconds of now, a colon and the MAC in lower-case hex.
//
// The path is the resource path as XPayResource gives it; query is what stands
// after "?" as it is sent; body is what is sent, nil for none. The secret is the
// text that Visa gave, at least 16 bytes.
//
// Source: Visa's public page "X-Pay Token" and several implementations (high
// confidence); how far Visa's clock may differ is not public.
func XPayToken(shared secret.Text, now time.Time, path, query string, body []byte) (string, error) {
	if n := len(shared.Reveal()); n < 16 || n > maxCredential {
		return "", credentials("a shared secret of x-pay-token has 16 to %d bytes", maxCredential)
	}
	s, err := seconds(now)
	switch {
	case err != nil:
		return "", err
	case strings.HasPrefix(path, "/") || path == "":
		return "", request("a resource path of x-pay-token is not empty and has no leading slash")
	case strings.HasPrefix(query, "?"):
		return "", request("a query of x-pay-token has no leading question mark")
	case len(path)+len(query) > maxURL || !visible(path, "?#") || !visible(query, "#"):
		return "", request("path and query are printable ASCII as they are sent, at most %d bytes", maxURL)
	case len(body) > MaxBody:
		return "", ErrTooLarge
	}
	ts := strconv.FormatInt(s, 10)
	mac := xPayMAC(shared, ts, path, query, body)
	return "xv2:" + ts + ":" + hex.EncodeToString(mac[:]), nil
}

// xPayMAC is the construction of x-pay-token: HMAC-SHA-256, under
// the shared secret's text itself, over timestamp, resource path, query and body,
// with nothing between them. Package webhook has the verifying side, from a description
// of its own; TestReceiversOfWebhookVerify compares the two.
func xPayMAC(shared secret.Text, timestamp, path, query string, body []byte) [sha256.Size]byte {
	h := hmac.New(sha256.New, []byte(shared.Reveal()))
	for _, part := range [...]string{timestamp, path, query} {
		h.Write([]byte(part))
	}
	h.Write(body)
	return [sha256.Size]byte(h.Sum(nil))
}

// XPayResource returns resource path and query of a URL as XPayToken takes them.
// Most products of Visa leave the first segment of the path out (the context path:
// "/vdp/helloworld" signs "helloworld"); for some the whole path is signed.
func XPayResource(u *url.URL, wholePath bool) (path, query string) {
	path = strings.TrimPrefix(u.EscapedPath(), "/")
	if !wholePath {
		_, path, _ = strings.Cut(path, "/")
	}
	return path, u.RawQuery
}

// XPayQuery writes query parameters as x-pay-token wants them sent: sorted by name,
// then by value, in the bytes of their RFC 3986 encoding. (The encoding stands on
// Visa's page about the older form of the token; the order is inferred.)
func XPayQuery(values url.Values) string {
	var pairs []pair
	for name, list := range values {
		for _, v := range list {
			pairs = append(pairs, pair{percentEncode(name), percentEncode(v)})
		}
	}
	return joinPairs(pairs)
}

// pair is an encoded name and value.
type pair struct{ name, value string }

// joinPairs sorts by name, then value (byte order), and joins as a query.
func joinPairs(pairs []pair) string {
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.name + "=" + p.value)
	}
	return b.String()
}

// percentEncode leaves the unreserved characters of RFC 3986 section 2.3 alone.
func percentEncode(s string) string {
	const digits = "0123456789ABCDEF"
	out := make([]byte, 0, len(s)+16)
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~", c) >= 0:
			out = append(out, c)
		default:
			out = append(out, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(out)
}
