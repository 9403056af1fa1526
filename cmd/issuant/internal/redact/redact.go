// Package redact keeps card numbers out of logs. It is the last net, behind code that
// does not log them in the first place: what passes through its handler is turned
// into text, and a run of digits that may hold a card number is masked, wherever it
// stands: message, key, group, text, number, error, Stringer, bytes, any value.
package redact

import (
	"context"
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"unicode/utf8"

	"github.com/issuant/issuant/internal/luhn"
)

// Masked stands where digits were.
const Masked = "[masked]"

const (
	least   = 12 // digits of a card number (ISO/IEC 7812)
	maxText = 4 << 10
)

// Text masks every run of 13 digits or more, blanks and hyphens between them allowed,
// and of 12 with a right check digit. A SHA-256 in lower-case hexadecimal stays: it
// names decisions, packs and records.
func Text(s string) string {
	if digest(s) {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		end, digits := run(s, i)
		switch {
		case end == i:
			out = append(out, s[i])
			i++
		case suspicious(digits):
			out = append(out, Masked...)
			i = end
		default:
			out = append(out, s[i:end]...)
			i = end
		}
	}
	return string(out)
}

func digest(s string) bool {
	letter := false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
		case c >= 'a' && c <= 'f':
			letter = true
		default:
			return false
		}
	}
	return len(s) == 64 && letter
}

// run returns the end of the digits, blanks and hyphens that begin with the digit at
// i and end with a digit, and the digits alone; end is i when there is no digit.
func run(s string, i int) (end int, digits []byte) {
	end = i
	for k := i; k < len(s); k++ {
		c := s[k]
		switch {
		case c >= '0' && c <= '9':
			digits = append(digits, c)
			end = k + 1
		case (c == ' ' || c == '-') && end > i:
		default:
			return end, digits
		}
	}
	return end, digits
}

// suspicious: a number of 13 digits or more has no business in a log, whatever its
// check digit: separators may join a card number with what stands beside it.
func suspicious(digits []byte) bool {
	return len(digits) > least || len(digits) == least && luhn.Valid(digits)
}

// NewHandler returns a handler that hands masked records on to next.
func NewHandler(next slog.Handler) slog.Handler { return handler{next} }

type handler struct{ next slog.Handler }

// Enabled implements slog.Handler.
func (h handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, Text(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(attr(a))
		return true
	})
	return h.next.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.next.WithAttrs(all(attrs))}
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler { return handler{h.next.WithGroup(Text(name))} }

func all(attrs []slog.Attr) []slog.Attr {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = attr(a)
	}
	return out
}

func attr(a slog.Attr) slog.Attr { return slog.Attr{Key: Text(a.Key), Value: value(a.Value)} }

func value(v slog.Value) slog.Value {
	v = v.Resolve()
	switch v.Kind() {
	case slog.KindBool, slog.KindTime:
		return v
	case slog.KindGroup:
		return slog.GroupValue(all(v.Group())...)
	case slog.KindInt64:
		return number(v, strconv.FormatInt(v.Int64(), 10))
	case slog.KindUint64:
		return number(v, strconv.FormatUint(v.Uint64(), 10))
	case slog.KindFloat64:
		return number(v, strconv.FormatFloat(v.Float64(), 'f', -1, 64))
	case slog.KindAny:
		if list, ok := v.Any().([]string); ok {
			return slog.AnyValue(texts(list))
		}
		return slog.StringValue(cut(Text(printed(v.Any()))))
	}
	return slog.StringValue(cut(Text(v.String()))) // texts and durations
}

func texts(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = cut(Text(s))
	}
	return out
}

// number stays a number unless its digits may be a card number.
func number(v slog.Value, text string) slog.Value {
	if masked := Text(text); masked != text {
		return slog.StringValue(masked)
	}
	return v
}

// printed turns any value into text; secrets print their own placeholders.
func printed(x any) (text string) {
	defer func() {
		if recover() != nil { // a Stringer on a nil pointer
			text = fmt.Sprintf("[%T]", x)
		}
	}()
	switch x := x.(type) {
	case nil:
		return ""
	case error:
		return x.Error()
	case fmt.Stringer:
		return x.String()
	case []byte:
		return bytesText(x)
	case json.RawMessage:
		return bytesText(x)
	case encoding.TextMarshaler:
		if b, err := x.MarshalText(); err == nil {
			return string(b)
		}
	}
	return fmt.Sprintf("%+v", x)
}

func bytesText(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return fmt.Sprintf("[%d bytes]", len(b))
}

// cut bounds one value of a line.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	return s[:maxText] + "..."
}
