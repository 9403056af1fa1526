package module

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/wasm/abi"
)

// scratch is memory that calls use again.
type scratch struct {
	body   []byte
	header map[string][]string
	values []string
	fields []webhook.Field

	arrival arrival // the request of this call
	message webhook.Scratch
	sender  sender
}

func badInput(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInput}, args...)...)
}

// instant returns the moment that a member now_ms names.
func instant(ms int64) (time.Time, error) {
	if ms < abi.BuiltMs || ms > abi.MaxNowMs {
		return time.Time{}, ErrClock
	}
	return time.UnixMilli(ms).UTC(), nil
}

// object is an input's object, read member by member; the first mistake stays.
type object struct {
	c    strictjson.Cursor
	what string // for errors: "" for the input itself, else "schemes.pismo."
	err  error
}

// only refuses members that are not named: a misspelt one would be taken for absent.
func (o *object) only(names ...string) {
	if o.c.Kind() != strictjson.Object {
		o.fail("", "is missing, or not an object")
		return
	}
	for m, ok := o.c.First(); ok; m, ok = m.Next(o.c) {
		if !slices.Contains(names, m.Name()) {
			// The name is the host's own, which may have come from a sender: it is not repeated.
			o.fail("", "has a member that is not one of "+strings.Join(names, ", "))
			return
		}
	}
}

func (o *object) fail(name, msg string) {
	if o.err != nil {
		return
	}
	what := strings.TrimSuffix(o.what+name, ".")
	if what == "" {
		what = "the input"
	}
	o.err = badInput("%s %s", what, msg)
}

// get returns a member of that kind; what is absent is the zero Cursor.
func (o *object) get(name string, kind strictjson.Kind, required bool) strictjson.Cursor {
	if o.err != nil {
		return strictjson.Cursor{}
	}
	c, ok := o.c.Get(name)
	switch {
	case !ok && required:
		o.fail(name, "is missing")
	case ok && c.Kind() != kind:
		o.fail(name, "must be "+kind.String())
		return strictjson.Cursor{}
	}
	return c
}

// text returns a string that the caller owns, "" when it is absent.
func (o *object) text(name string, required bool) string {
	return owned(o.get(name, strictjson.String, required).Str())
}

func (o *object) bool(name string) bool { return o.get(name, strictjson.Bool, false).Bool() }

// int returns an integer from 0 to most, 0 when it is absent.
func (o *object) int(name string, most int64) int64 {
	c := o.get(name, strictjson.Number, false)
	if c.Kind() == strictjson.Invalid {
		return 0
	}
	n, ok := c.Int64()
	if !ok || n < 0 || n > most {
		o.fail(name, fmt.Sprintf("must be an integer from 0 to %d", most))
	}
	return n
}

// texts returns a list of strings, nil when it is absent.
func (o *object) texts(name string) []string {
	c := o.get(name, strictjson.Array, false)
	var list []string
	for item, ok := c.First(); ok; item, ok = item.Next(c) {
		if item.Kind() != strictjson.String {
			o.fail(name, "must be an array of strings")
			return nil
		}
		list = append(list, owned(item.Str()))
	}
	return list
}

// now returns the instant of the call.
func (o *object) now() time.Time {
	n, ok := o.get("now_ms", strictjson.Number, true).Int64()
	if o.err != nil {
		return time.Time{}
	}
	if !ok {
		o.fail("now_ms", "must be an integer of Unix milliseconds")
		return time.Time{}
	}
	t, err := instant(n)
	if err != nil {
		o.err = err
	}
	return t
}

// bytes appends the bytes of a member in padded standard Base64.
func (o *object) bytes(dst []byte, name string) []byte {
	text := o.get(name, strictjson.String, true).Str()
	if o.err != nil {
		return dst
	}
	out, err := base64.StdEncoding.Strict().AppendDecode(dst, []byte(text))
	// The decoder passes over line ends.
	if err != nil || base64.StdEncoding.EncodedLen(len(out)-len(dst)) != len(text) {
		o.fail(name, "must be padded standard Base64")
		return dst
	}
	return out
}

// whole reads the text of an input as an object.
func (m *instance) whole(in []byte, lim strictjson.Limits) (*object, error) {
	if err := m.doc.ParseView(in, lim); err != nil {
		return nil, err
	}
	return &object{c: m.doc.Root()}, nil
}

// object returns a member that is an object of these members, nil when it is absent.
func (o *object) object(name string, required bool, names ...string) *object {
	c := o.get(name, strictjson.Object, required)
	if c.Kind() == strictjson.Invalid {
		return nil
	}
	in := &object{c: c, what: o.what + name + "."}
	in.only(names...)
	return in
}

// take keeps the mistake of a part.
func (o *object) take(part *object) {
	if o.err == nil {
		o.err = part.err
	}
}

// owned is a text that holds longer than the tray's.
func owned(s string) string { return strings.Clone(s) }
