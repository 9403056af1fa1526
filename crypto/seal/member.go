package seal

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/strictjson"
)

// SealMembers returns the JSON document with the values at the pointers (RFC 6901, as
// "/card/number") sealed: each becomes a string as Seal makes it. The value is sealed
// together with its pointer, so that it opens in its own place alone. Whatever else
// stands in the document stays as it is, blanks included.
//
// An error wraps ErrMember (no such member, the whole document, a pointer that is
// none or within another), ErrTooLarge or ErrKey, or is that of the JSON.
func SealMembers(document []byte, to *Recipients, pointers ...string) ([]byte, error) {
	return replaceMembers(document, pointers, func(pointer string, value []byte) ([]byte, error) {
		plain := canon.NewWriter(nil).Object().Key("pointer").String(pointer).Key("value").Raw(value).EndObject().Bytes()
		text, err := Seal(to, plain)
		return canon.AppendString(nil, text), err
	})
}

// OpenMembers undoes SealMembers, for the pointers that it is given.
//
// An error wraps ErrMember, ErrSealed (the value is no sealed text, was changed, or
// was sealed for another place), ErrNoIdentity, ErrTooLarge or ErrKey, or is that of
// the JSON.
func OpenMembers(document []byte, with *Identities, pointers ...string) ([]byte, error) {
	return replaceMembers(document, pointers, func(pointer string, value []byte) ([]byte, error) {
		v, err := strictjson.Parse(value, strictjson.Limits{MaxBytes: MaxSealed + 2})
		if err != nil || v.Kind != strictjson.String {
			return nil, fmt.Errorf("%w: the value is no text", ErrSealed)
		}
		plain, err := Open(with, v.Str)
		if err != nil {
			return nil, err
		}
		return placed(pointer, plain)
	})
}

// placed returns the value of what SealMembers sealed for the pointer.
func placed(pointer string, plain []byte) ([]byte, error) {
	bad := fmt.Errorf("%w: it holds no member of a document", ErrSealed)
	doc, err := parseDocument(plain)
	if err != nil || len(doc.Members) != 2 || doc.Members[0].Name != "pointer" || doc.Members[1].Name != "value" {
		return nil, bad
	}
	if was := doc.Members[0].Value; was.Kind != strictjson.String || was.Str != pointer {
		return nil, fmt.Errorf("%w: it was sealed for another place", ErrSealed)
	}
	return literal(plain, doc.Members[1].Value.Off), nil
}

func parseDocument(document []byte) (strictjson.Value, error) {
	if len(document) > MaxDocument {
		return strictjson.Value{}, fmt.Errorf("%w: a document has at most %d bytes", ErrTooLarge, MaxDocument)
	}
	return strictjson.Parse(document, strictjson.Limits{MaxBytes: MaxDocument, MaxValues: MaxDocument, CaseVariants: true})
}

// literal returns the text of the value that begins at an offset of a document that
// was found in order.
func literal(document []byte, off int) []byte {
	depth := 0
	for i := off; i < len(document); i++ {
		switch c := document[i]; c {
		case '{', '[':
			depth++
		case '"':
			for i++; document[i] != '"'; i++ {
				if document[i] == '\\' {
					i++
				}
			}
		case '}', ']', ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return document[off:i] // of a number, true, false or null
			}
			if c != '}' && c != ']' {
				continue
			}
			depth--
		default:
			continue
		}
		if depth == 0 {
			return document[off : i+1]
		}
	}
	return document[off:]
}

// place is one value of a document.
type place struct {
	pointer  string
	from, to int
}

func replaceMembers(document []byte, pointers []string, with func(pointer string, value []byte) ([]byte, error)) ([]byte, error) {
	if len(pointers) == 0 || len(pointers) > MaxMembers {
		return nil, fmt.Errorf("%w: 1 to %d members at once", ErrMember, MaxMembers)
	}
	doc, err := parseDocument(document)
	if err != nil {
		return nil, err
	}
	places := make([]place, 0, len(pointers))
	for _, pointer := range pointers {
		value, err := find(doc, pointer)
		if err != nil {
			return nil, fmt.Errorf("%w: %q %w", ErrMember, pointer, err)
		}
		places = append(places, place{pointer, value.Off, value.Off + len(literal(document, value.Off))})
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.from, b.from) })
	var out []byte
	end := 0
	for _, p := range places {
		if p.from < end {
			return nil, fmt.Errorf("%w: %q lies within another, or stands twice", ErrMember, p.pointer)
		}
		value, err := with(p.pointer, document[p.from:p.to])
		if err != nil {
			return nil, fmt.Errorf("%q: %w", p.pointer, err)
		}
		out = append(append(out, document[end:p.from]...), value...)
		end = p.to
	}
	return append(out, document[end:]...), nil
}

// find follows a pointer; its errors end a sentence that begins with the pointer.
func find(v strictjson.Value, pointer string) (strictjson.Value, error) {
	if !strings.HasPrefix(pointer, "/") {
		return v, errors.New("is no JSON pointer to a member; one begins with a slash, as /card/number")
	}
	for part := range strings.SplitSeq(pointer[1:], "/") {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(part), "~") {
			return v, errors.New("is no JSON pointer: a tilde is written ~0, a slash ~1")
		}
		name := strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		next, ok := v.Get(name)
		if v.Kind == strictjson.Array {
			i, err := strconv.Atoi(name)
			if ok = err == nil && i >= 0 && i < len(v.Items) && strconv.Itoa(i) == name; ok {
				next = v.Items[i]
			}
		}
		if !ok {
			return v, errors.New("is not in it")
		}
		v = next
	}
	return v, nil
}
