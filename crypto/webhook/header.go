package webhook

import (
	"slices"
	"strings"

	"github.com/issuant/issuant/internal/word"
)

// HeaderValues returns all values of one header. Names match without regard to
// ASCII case; values of names that differ only in case follow each other in the
// byte order of the names, so that the result does not depend on map order.
func HeaderValues(header map[string][]string, name string) []string {
	var first string
	var rest []string
	found := 0
	for have := range header {
		if equalASCII(have, name) {
			if found++; found == 1 {
				first = have
			} else {
				rest = append(rest, have)
			}
		}
	}
	switch found {
	case 0:
		return nil
	case 1:
		return header[first]
	}
	names := append(rest, first)
	slices.Sort(names)
	var values []string
	for _, n := range names {
		values = append(values, header[n]...)
	}
	return values
}

// NormalizeHeader returns a copy in which every name is in lower case (ASCII
// letters only) and names that differ only in case are one, with all values. Open
// does this by itself for the header it reads.
func NormalizeHeader(header map[string][]string) map[string][]string {
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	out := make(map[string][]string, len(header))
	for _, name := range names {
		lower := lowerASCII(name)
		out[lower] = append(out[lower], header[name]...)
	}
	return out
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// equalASCII is not strings.EqualFold: that takes U+017F for s and U+212A for k.
func equalASCII(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lowerByte(a[i]) != lowerByte(b[i]) {
			return false
		}
	}
	return true
}

func lowerByte(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// token returns the one token of the named header. It counts values instead of
// gathering them, so that a header of very many costs no memory; all three
// refusals are the same in whatever order the map gives its names.
func (v *Verifier) token(r *Request) (string, *Error) {
	var t found
	if len(r.Header) > 0 { // in WASM, to begin with none is long
		for name, values := range r.Header {
			if !equalASCII(name, v.header) {
				continue
			}
			for _, value := range values {
				if !v.count(&t, value) {
					return "", refuse(ErrTooLarge, "token is longer than 16 KiB")
				}
			}
		}
	}
	for i := range r.Fields {
		f := &r.Fields[i]
		if (word.Equal(f.Name, v.header) || equalASCII(f.Name, v.header)) && !v.count(&t, f.Value) {
			return "", refuse(ErrTooLarge, "token is longer than 16 KiB")
		}
	}
	switch {
	case !t.signed:
		return "", refuse(ErrNotSigned, "")
	case t.values > 1:
		return "", refuse(ErrMalformed, "header occurs more than once")
	}
	return t.value, nil
}

// count takes one value of the header; ok is false for one that is too long.
func (v *Verifier) count(t *found, value string) (ok bool) {
	if v.bearer {
		value = trimBearer(value)
	}
	return t.add(value) == nil
}

// trimBearer takes the optional scheme from an Authorization value: "Bearer", in
// any case, and one blank. "Bearer" alone is a scheme without a token.
func trimBearer(value string) string {
	const scheme = "bearer"
	switch {
	case equalASCII(value, scheme):
		return ""
	case len(value) > len(scheme) && value[len(scheme)] == ' ' && equalASCII(value[:len(scheme)], scheme):
		return value[len(scheme)+1:]
	}
	return value
}
