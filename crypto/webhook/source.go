package webhook

import (
	"strconv"
	"strings"

	"github.com/issuant/issuant/internal/strictjson"
)

// source is a parsed source text.
type source struct {
	kind string // "header", "json", "form", "signature"; "" for none
	name string // header, field, placeholder
	path []string
}

// cutPart splits "kind:argument".
func cutPart(text string) (kind, argument string) {
	kind, argument, _ = strings.Cut(text, ":")
	return kind, argument
}

// parseSource reads a source text; why is "" when it is one.
func parseSource(text string) (s source, why string) {
	if text == "" {
		return s, ""
	}
	s.kind, s.name = cutPart(text)
	switch s.kind {
	case "header":
		if !isToken(s.name) {
			return s, "header: wants a header name"
		}
	case "json":
		var ok bool
		if s.path, ok = parsePointer(s.name); !ok {
			return s, "json: wants a JSON Pointer, such as /a/0/b"
		}
	case "form", "signature":
		if s.name == "" {
			return s, s.kind + ": wants a name"
		}
	default:
		return s, "a source begins with header:, json:, form: or signature:"
	}
	return s, ""
}

// parsePointer reads a JSON Pointer (RFC 6901) other than that of the whole text.
func parsePointer(text string) (path []string, ok bool) {
	if text == "" || text[0] != '/' {
		return nil, false
	}
	for step := range strings.SplitSeq(text[1:], "/") {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(step), "~") {
			return nil, false
		}
		path = append(path, strings.NewReplacer("~1", "/", "~0", "~").Replace(step))
	}
	return path, true
}

// at follows a JSON Pointer; the zero Cursor stands for what is absent.
func at(c strictjson.Cursor, path []string) strictjson.Cursor {
	for _, step := range path {
		switch c.Kind() {
		case strictjson.Object:
			c, _ = c.Get(step)
		case strictjson.Array:
			n, err := strconv.Atoi(step)
			if err != nil || n < 0 || strconv.Itoa(n) != step {
				return strictjson.Cursor{}
			}
			item, ok := c.First()
			for ; ok && n > 0; n-- {
				item, ok = item.Next(c)
			}
			if !ok {
				return strictjson.Cursor{}
			}
			c = item
		default:
			return strictjson.Cursor{}
		}
	}
	return c
}

// scalar returns a value as text; ok is false for an object or array.
func scalar(c strictjson.Cursor) (text string, ok bool) {
	switch c.Kind() {
	case strictjson.Object, strictjson.Array:
		return "", false
	case strictjson.Bool:
		return strconv.FormatBool(c.Bool()), true
	}
	return c.Str(), true
}

// fieldLimits bounds a JSON body that is read before it is verified.
var fieldLimits = strictjson.Limits{MaxBytes: MaxMaxBody, MaxDepth: maxClaimsDepth, MaxValues: maxBodyFields}

// field is one field of a form.
type field struct{ name, value string }

// parseForm reads application/x-www-form-urlencoded strictly: no empty pair, each
// pair with one "=" at least, each escape whole, no name twice. Fields are sorted by
// the bytes of their names.
func parseForm(body []byte, dst []field) ([]field, string) {
	if len(body) == 0 {
		return dst, ""
	}
	for pair := range strings.SplitSeq(string(body), "&") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, "form has a pair without ="
		}
		if len(dst) == maxBodyFields {
			return nil, "form has more than 256 fields"
		}
		f := field{}
		ok1, ok2 := false, false
		f.name, ok1 = unescape(name)
		f.value, ok2 = unescape(value)
		if !ok1 || !ok2 {
			return nil, "form has an escape that is none"
		}
		i := 0
		for i < len(dst) && dst[i].name < f.name {
			i++
		}
		if i < len(dst) && dst[i].name == f.name {
			return nil, "form has a field twice"
		}
		dst = append(dst, field{})
		copy(dst[i+1:], dst[i:])
		dst[i] = f
	}
	return dst, ""
}

// unescape decodes a name or value of a form; its plain characters are those that
// need no escape in a URL's query, so that no blank or line break is read two ways.
func unescape(s string) (string, bool) {
	plain := true
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '%' || c == '+':
			plain = false
		case c <= ' ' || c >= 0x7f || c == '=':
			return "", false
		}
	}
	if plain {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '+':
			b = append(b, ' ')
		case '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return "", false
			}
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	return string(b), true
}

func isHex(c byte) bool {
	c = lowerByte(c)
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f'
}

func unhex(c byte) byte {
	if c = lowerByte(c); c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

// found is what a message has of one header.
type found struct {
	value  string
	values int
	signed bool // one of the values is not empty
}

// gather looks for the headers of those names, in one pass and without memory. A
// value that is too long is refused, whatever else is wrong.
func gather(r *Request, names []string, out []found) *Error {
	for have, values := range r.Header {
		for i, name := range names {
			if !equalASCII(have, name) {
				continue
			}
			for _, value := range values {
				if refusal := out[i].add(value); refusal != nil {
					return refusal
				}
			}
		}
	}
	for k := range r.Fields {
		for i, name := range names {
			if !equalASCII(r.Fields[k].Name, name) {
				continue
			}
			if refusal := out[i].add(r.Fields[k].Value); refusal != nil {
				return refusal
			}
		}
	}
	return nil
}

func (f *found) add(value string) *Error {
	if len(value) > MaxTokenBytes {
		return refuse(ErrTooLarge, "header is longer than 16 KiB")
	}
	f.value, f.signed = value, f.signed || value != ""
	f.values++
	return nil
}

// splitTarget splits a request target in origin form at its first "?".
func splitTarget(target string) (path, query string, ok bool) {
	if target == "" || target[0] != '/' {
		return "", "", false
	}
	path, query, _ = strings.Cut(target, "?")
	return path, query, true
}

// isPath reports whether s is an absolute URL path (RFC 3986).
func isPath(s string) bool {
	for i := range len(s) {
		c := lowerByte(s[i])
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte("/-._~%!$&'()*+,;=:@", c) < 0 {
			return false
		}
	}
	return s != "" && s[0] == '/'
}

// resource returns the path without its leading slash and its first n segments.
func resource(path string, n int) (string, bool) {
	rest, ok := strings.CutPrefix(path, "/")
	for ; ok && n > 0; n-- {
		_, rest, ok = strings.Cut(rest, "/")
	}
	return rest, ok
}
