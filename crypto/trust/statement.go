package trust

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/strictjson"
)

// Kind is what a signed file holds. The zero Kind is none.
type Kind uint8

const (
	Pack Kind = iota + 1 // rules, compiled
	Ring                 // a key document: a JWK set, or a map of certificates
)

var kindNames = [...]string{"none", "pack", "ring"}

// String returns pack or ring.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind_%d", uint8(k))
}

func (k Kind) payloadType() string { return "application/vnd.issuant." + k.String() + ".v1+json" }

// Statement is what is signed about a content.
type Statement struct {
	// Name tells for which use: the place that takes the file has it too. 1 to MaxName
	// of a-z 0-9 . _ - and /, beginning with a letter or digit.
	Name     string
	Revision uint64 // 1 to MaxRevision; each later file has a higher one
	// NotBefore and Expires bound when it may be taken: from the first on, until before
	// the second. Whole seconds, at most MaxValidity apart.
	NotBefore, Expires time.Time
	// PackID and Lists say what a pack is: its id, and the digest of its lists. They are
	// for people and for comparing; "" for a ring.
	PackID, Lists string

	// Size and SHA256 (hexadecimal digits) are those of the content; Sign fills them in.
	Size   uint64
	SHA256 string
}

// bytes returns the one text of a statement.
func (s *Statement) bytes() []byte {
	w := canon.NewWriter(make([]byte, 0, 512)).Object().Key("format").Int(Format).Key("name").String(s.Name).Key("revision").Uint(s.Revision)
	w.Key("not_before").Time(s.NotBefore).Key("expires").Time(s.Expires)
	w.Key("size").Uint(s.Size).Key("sha256").String(s.SHA256)
	return w.Key("pack_id").StringOrNull(s.PackID).Key("lists_digest").StringOrNull(s.Lists).EndObject().Bytes()
}

// check returns what is wrong with a statement, "" for nothing.
func (s *Statement) check() string {
	switch {
	case !ValidName(s.Name):
		return fmt.Sprintf("its name is not 1 to %d of a-z 0-9 . _ - and /, beginning with a letter or digit", MaxName)
	case s.Revision < 1 || s.Revision > MaxRevision:
		return fmt.Sprintf("its revision is not between 1 and %d", uint64(MaxRevision))
	case s.NotBefore.Nanosecond() != 0 || s.Expires.Nanosecond() != 0:
		return "its dates are not whole seconds"
	case !s.Expires.After(s.NotBefore):
		return "it expires before it begins"
	case s.Expires.Sub(s.NotBefore) > MaxValidity:
		return fmt.Sprintf("it is good for longer than %d days", MaxValidity/(24*time.Hour))
	case len(s.PackID) > MaxName || len(s.Lists) > MaxName:
		return "the id of the pack or the digest of its lists is too long"
	}
	return ""
}

// ValidName reports whether a signed file can have that name.
func ValidName(name string) bool {
	return name != "" && len(name) <= MaxName && !strings.ContainsAny(name[:1], "._-/") &&
		strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._-/") == ""
}

// inDate refuses a statement that is not good at now.
func (s *Statement) inDate(now time.Time) error {
	if now.Before(s.NotBefore.Add(-Skew)) {
		return fmt.Errorf("%w: it is good from %s on; compare the clocks", ErrExpired, s.NotBefore.Format(time.RFC3339))
	}
	if !now.Before(s.Expires) {
		return fmt.Errorf("%w: it was good until %s; sign it anew, with a higher revision", ErrExpired, s.Expires.Format(time.RFC3339))
	}
	return nil
}

// parseStatement reads a payload. One text for one statement: what is made again of
// its parts is what was signed.
func parseStatement(text []byte) (Statement, error) {
	d, err := strictjson.Read(text, strictjson.Limits{MaxBytes: MaxEnvelope})
	if err != nil {
		return Statement{}, fmt.Errorf("%w: its statement is not JSON", ErrFile)
	}
	defer d.Release()
	v := d.Root()
	format, _ := v.Get("format")
	if n, ok := format.Int64(); !ok || n != Format {
		return Statement{}, fmt.Errorf("%w: its statement is of another format than %d; use a newer program", ErrFile, Format)
	}
	get := func(name string) string {
		m, _ := v.Get(name)
		if m.Kind() != strictjson.String {
			return ""
		}
		return m.Str()
	}
	number := func(name string) uint64 {
		m, _ := v.Get(name)
		n, ok := m.Int64()
		if !ok || n < 0 {
			return 0
		}
		return uint64(n)
	}
	s := Statement{Name: get("name"), Revision: number("revision"), PackID: get("pack_id"), Lists: get("lists_digest"), Size: number("size"), SHA256: get("sha256")}
	var err1, err2 error
	s.NotBefore, err1 = time.Parse(time.RFC3339, get("not_before"))
	s.Expires, err2 = time.Parse(time.RFC3339, get("expires"))
	if err1 != nil || err2 != nil || !bytes.Equal(s.bytes(), text) {
		return Statement{}, fmt.Errorf("%w: its statement is not in the one form of format %d", ErrFile, Format)
	}
	if wrong := s.check(); wrong != "" {
		return Statement{}, fmt.Errorf("%w: %s", ErrFile, wrong)
	}
	return s, nil
}
