// Package payload looks at wallet payloads without opening them, or opens them with keys
// that it is given: what issuant provision inspect prints.
package payload

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
)

// MaxBytes bounds what is looked at, inclusive.
const MaxBytes = 256 << 10

// ErrUnknown: what was given is no payload that is known here.
var ErrUnknown = fmt.Errorf("it is none of: a compact JWE, Mastercard's JSON or its Base64, a TAV, MBPAC or MBPAD, an OpenPGP message or its Base64, Apple's request or pass data")

// Report is what was seen.
type Report struct {
	Kind       string   `json:"kind"`
	Unverified []string `json:"unverified"` // formats in it that nobody has confirmed
	Fields     []Field  `json:"fields"`
	Problems   []string `json:"problems"` // what a receiver would refuse
	// Opened is the plaintext when a key opened it, card numbers masked; empty otherwise.
	Opened []Field `json:"opened"`
	// NotOpened says why it was not opened.
	NotOpened string `json:"not_opened"`
}

// Field is one part. Names are paths: "header.alg".
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Options say what to open with, and when.
type Options struct {
	Keys keyring.Lookup // nil: nothing is opened
	// PGP opens OpenPGP messages; nil: none is.
	PGP func(message []byte) ([]byte, error)
	Now time.Time
}

type looker struct {
	Report
	o Options
}

// Inspect looks at a payload. The error is ErrUnknown, or that of JSON.
func Inspect(data []byte, o Options) (*Report, error) {
	l := &looker{o: o, Report: Report{Unverified: []string{}, Fields: []Field{}, Problems: []string{}, Opened: []Field{}}}
	if err := l.look(bytes.TrimSpace(data), 0); err != nil {
		return nil, err
	}
	return &l.Report, nil
}

func (l *looker) add(name, format string, args ...any) {
	l.Fields = append(l.Fields, Field{name, fmt.Sprintf(format, args...)})
}

func (l *looker) problem(format string, args ...any) {
	l.Problems = append(l.Problems, fmt.Sprintf(format, args...))
}

// unverified notes a format that nobody has confirmed, once.
func (l *looker) unverified(what string) {
	for _, u := range l.Unverified {
		if u == what {
			return
		}
	}
	l.Unverified = append(l.Unverified, what)
}

// look tells what data is; depth counts the Base64 around it.
func (l *looker) look(data []byte, depth int) error {
	text := string(data)
	switch {
	case len(data) == 0:
		return ErrUnknown
	case strings.Count(text, ".") == 4 && !strings.ContainsAny(text, "{\" \n"):
		return l.jwe(text)
	case data[0] == '{':
		return l.object(data, depth)
	case strings.HasPrefix(text, "MBPAC-"), strings.HasPrefix(text, "MBPAD-"):
		return l.mbp(text)
	case data[0]&0x80 != 0:
		return l.openPGP(data)
	case depth == 0:
		for _, e := range []struct {
			name string
			enc  *base64.Encoding
		}{{"base64", base64.StdEncoding}, {"base64url", base64.URLEncoding}, {"base64url without padding", base64.RawURLEncoding}} {
			if inner, err := e.enc.Strict().DecodeString(text); err == nil && len(inner) > 0 {
				l.add("encoding", "%s, %d characters", e.name, len(text))
				return l.look(inner, depth+1)
			}
		}
	}
	return ErrUnknown
}

// object tells the JSON objects apart by their members.
func (l *looker) object(data []byte, depth int) error {
	v, err := strictjson.Parse(data, strictjson.Limits{MaxBytes: MaxBytes, MaxDepth: 16, MaxValues: 4096})
	if err != nil {
		return err
	}
	has := func(name string) bool { _, ok := v.Get(name); return ok }
	text := func(name string) string { m, _ := v.Get(name); return m.Str }
	switch {
	case has("payload") && has("wallet") && depth == 0: // what issuant provision prints
		l.add("wallet", "%s", text("wallet"))
		l.add("network", "%s", text("network"))
		inner, _ := v.Get("payload")
		return l.ours(inner)
	case has("encryptedPassData"):
		return l.passData(v)
	case has("certificates"):
		return l.appleRequest(v)
	case has("signatureAlgorithm") && has("signature"):
		return l.tav(v)
	case has("cardInfo"), has("fundingAccountInfo"), has("encryptedKey"):
		return l.mastercard(v)
	case has("primaryAccountNumber"), has("accountNumber"), has("paymentCard"):
		return fmt.Errorf("it is a plaintext with a card number, not a payload: keep it out of files")
	}
	return ErrUnknown
}

// ours looks at the payload within the output of issuant provision.
func (l *looker) ours(v strictjson.Value) error {
	if _, apple := v.Get("encryptedPassData"); apple {
		return l.passData(v)
	}
	for _, name := range []string{"opaque_payment_card", "payload"} {
		if m, ok := v.Get(name); ok && m.Kind == strictjson.String {
			return l.look([]byte(m.Str), 0)
		}
	}
	return ErrUnknown
}

// opened writes a plaintext: JSON member by member, anything else as its length.
func (l *looker) opened(plaintext []byte) {
	v, err := strictjson.Parse(plaintext, strictjson.Limits{MaxBytes: MaxBytes})
	if err != nil {
		l.Opened = append(l.Opened, Field{"plaintext", fmt.Sprintf("%d bytes that are no JSON", len(plaintext))})
		return
	}
	l.walk("", v)
}

func (l *looker) walk(name string, v strictjson.Value) {
	switch v.Kind {
	case strictjson.Object:
		for _, m := range v.Members {
			l.walk(join(name, m.Name), m.Value)
		}
	case strictjson.Array:
		for i, item := range v.Items {
			l.walk(fmt.Sprintf("%s[%d]", name, i), item)
		}
	case strictjson.Bool:
		l.Opened = append(l.Opened, Field{name, fmt.Sprint(v.Bool)})
	case strictjson.Null:
		l.Opened = append(l.Opened, Field{name, "null"})
	default:
		l.Opened = append(l.Opened, Field{name, Mask(name, v.Str)})
	}
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "." + b
}

// secretNames are members whose values are never shown.
var secretNames = []string{"cvv", "cvv2", "cvc", "securitycode", "authcode", "activationcode", "pin"}

// Mask returns what may be shown of a member: a card number masked, a security code not
// at all, everything else as it is. Digits that may hold a card number are masked as one.
func Mask(name, value string) string {
	last := strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
	for _, s := range secretNames {
		if last == s {
			return fmt.Sprintf("(%d characters, hidden)", len(value))
		}
	}
	if pan, err := secret.ParsePAN(value); err == nil {
		return pan.Masked()
	}
	if strings.Contains(last, "accountnumber") && !strings.Contains(last, "prefix") || last == "pan" {
		return fmt.Sprintf("(%d characters that are no card number, hidden)", len(value))
	}
	return value
}

// refused says why something was not opened, without what a stranger wrote.
func (l *looker) refused(err error) {
	l.NotOpened = err.Error()
	if d := code.Detail(err); d != "" {
		l.NotOpened += ": " + d
	}
}

// size writes "12 bytes" for an encoded text, and a problem when it is none.
func (l *looker) size(name, text string, e func(string) ([]byte, error), want ...int) []byte {
	b, err := e(text)
	if err != nil {
		l.add(name, "%d characters", len(text))
		l.problem("%s is not in its encoding", name)
		return nil
	}
	l.add(name, "%d bytes", len(b))
	for _, n := range want {
		if n == len(b) {
			return b
		}
	}
	if len(want) > 0 {
		l.problem("%s has %d bytes, where %d are wanted", name, len(b), want[0])
	}
	return b
}

func unhex(s string) ([]byte, error)    { return hex.DecodeString(s) }
func unbase64(s string) ([]byte, error) { return base64.StdEncoding.Strict().DecodeString(s) }
func unbase64url(s string) ([]byte, error) {
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

// stamp writes an instant of Unix seconds, and its age.
func (l *looker) stamp(sec int64) string {
	t := time.Unix(sec, 0).UTC()
	if sec < 0 || t.Year() > 9999 {
		return fmt.Sprint(sec)
	}
	age := l.o.Now.Sub(t).Round(time.Second)
	switch {
	case age < 0:
		return fmt.Sprintf("%d (%s, %v from now)", sec, t.Format(time.RFC3339), -age)
	case age < 48*time.Hour:
		return fmt.Sprintf("%d (%s, %v ago)", sec, t.Format(time.RFC3339), age)
	}
	return fmt.Sprintf("%d (%s)", sec, t.Format(time.RFC3339))
}
