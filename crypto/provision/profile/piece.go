package profile

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// piece is one piece, parsed.
type piece struct {
	source   string // as it was written
	kind     string // literal, input, first, last, expiry, now, until, random, label, step, tag, length
	text     string // bytes of a literal; the name of an input, random value, role or step; a format
	form     string // of a length
	n        int    // digits
	encoding Encoding
}

// inputs are the pieces that stand for what a payload is built from.
var inputNames = []string{
	"pan", "cvv2", "name", "nonce", "nonce_bytes", "nonce_signature", "nonce_signature_bytes", "auth_code", "token_ref", "session",
	"wallet.requestor", "wallet.account", "wallet.device", "wallet.app",
	"address.line1", "address.line2", "address.line3", "address.city", "address.state", "address.postal_code", "address.country",
}

func isInput(name string) bool {
	for _, n := range inputNames {
		if n == name {
			return true
		}
	}
	return false
}

// parsePiece returns a piece, or what is wrong with its text.
func parsePiece(text string) (p piece, wrong string) {
	p.source = text
	if lit, ok := strings.CutPrefix(text, "literal:"); ok {
		p.kind, p.text = "literal", lit
		return p, ""
	}
	body, enc, encoded := strings.Cut(text, " | ")
	if encoded {
		if p.encoding = Encoding(enc); !p.encoding.known() || p.encoding == Raw {
			return p, "the encoding behind | is not hex, HEX, base64 or base64url"
		}
	}
	if isInput(body) {
		p.kind, p.text = "input", body
		return p, ""
	}
	kind, arg, ok := strings.Cut(body, ":")
	if !ok || arg == "" {
		return p, unknownPiece
	}
	p.text = arg
	switch kind {
	case "hex":
		raw, err := hex.DecodeString(arg)
		if err != nil {
			return p, "hex: is not followed by pairs of hex digits"
		}
		p.kind, p.text = "literal", string(raw)
	case "pan.first", "pan.last":
		n, err := strconv.Atoi(arg)
		if p.kind, p.n = strings.TrimPrefix(kind, "pan."), n; err != nil || n < 1 || n > 10 {
			return p, "pan.first and pan.last take 1 to 10 digits"
		}
	case "expiry":
		p.kind = kind
		if !goodFormat(arg, "YYYY", "YY", "MM") {
			return p, "expiry: takes MM, YY, YYYY and marks between them"
		}
	case "now", "until":
		p.kind = kind
		if arg != "unix" && arg != "unix_ms" && arg != "rfc3339" && !goodFormat(arg, dateTokens...) {
			return p, kind + ": takes unix, unix_ms, rfc3339, or YYYY YY MM DD hh mm ss and marks between them"
		}
	case "random", "label", "step", "tag":
		p.kind = kind
	case "length":
		return parseLength(p, arg)
	default:
		return p, unknownPiece
	}
	return p, ""
}

const unknownPiece = "it is no piece; texts as they are stand behind literal:"

func parseLength(p piece, arg string) (piece, string) {
	step, form, _ := strings.Cut(arg, ":")
	p.kind, p.text, p.form = "length", step, form
	if digits, ok := strings.CutPrefix(form, "decimal:"); ok {
		n, err := strconv.Atoi(digits)
		if p.form, p.n = "decimal", n; err != nil || n < 1 || n > 8 {
			return p, "length: decimal: takes 1 to 8 digits"
		}
	}
	switch p.form {
	case "decimal", "u8", "u16", "u32":
		return p, ""
	}
	return p, "length:STEP: takes decimal, decimal:2, u8, u16 or u32"
}

var dateTokens = []string{"YYYY", "YY", "MM", "DD", "hh", "mm", "ss"}

// goodFormat reports whether a format is made of tokens and marks, with one token at least.
func goodFormat(format string, tokens ...string) bool {
	found := false
	for format != "" {
		token := prefixOf(format, tokens)
		switch {
		case token != "":
			found, format = true, format[len(token):]
		case strings.IndexByte("-/.: TZ_", format[0]) >= 0:
			format = format[1:]
		default:
			return false
		}
	}
	return found
}

func prefixOf(s string, tokens []string) string {
	for _, t := range tokens {
		if strings.HasPrefix(s, t) {
			return t
		}
	}
	return ""
}

// writeTime writes t in UTC.
func writeTime(format string, t time.Time) string {
	t = t.UTC()
	switch format {
	case "unix":
		return strconv.FormatInt(t.Unix(), 10)
	case "unix_ms":
		return strconv.FormatInt(t.UnixMilli(), 10)
	case "rfc3339":
		return t.Format(time.RFC3339)
	}
	return replaceTokens(format, dateTokens, func(token string) string {
		switch token {
		case "YYYY":
			return t.Format("2006")
		case "YY":
			return t.Format("06")
		case "MM":
			return t.Format("01")
		case "DD":
			return t.Format("02")
		case "hh":
			return t.Format("15")
		case "mm":
			return t.Format("04")
		}
		return t.Format("05")
	})
}

func replaceTokens(format string, tokens []string, value func(string) string) string {
	var b strings.Builder
	for format != "" {
		if token := prefixOf(format, tokens); token != "" {
			b.WriteString(value(token))
			format = format[len(token):]
			continue
		}
		b.WriteByte(format[0])
		format = format[1:]
	}
	return b.String()
}

func (e Encoding) known() bool {
	switch e {
	case Raw, Hex, HexUpper, Base64, Base64URL:
		return true
	}
	return false
}

// encode returns b in the encoding: b itself when it is raw.
func (e Encoding) encode(b []byte) []byte {
	switch e {
	case Hex:
		return hex.AppendEncode(nil, b)
	case HexUpper:
		out := hex.AppendEncode(nil, b)
		for i, c := range out {
			if c >= 'a' {
				out[i] = c - 'a' + 'A'
			}
		}
		return out
	case Base64:
		return base64.StdEncoding.AppendEncode(nil, b)
	case Base64URL:
		return base64.RawURLEncoding.AppendEncode(nil, b)
	}
	return b
}

// decode is the inverse of encode; ok is false for what encode does not write.
func (e Encoding) decode(b []byte) (out []byte, ok bool) {
	var err error
	switch e {
	case Hex, HexUpper:
		out, err = hex.AppendDecode(nil, b)
	case Base64:
		out, err = base64.StdEncoding.Strict().AppendDecode(nil, b)
	case Base64URL:
		out, err = base64.RawURLEncoding.Strict().AppendDecode(nil, b)
	default:
		return b, true
	}
	return out, err == nil && string(e.encode(out)) == string(b)
}
