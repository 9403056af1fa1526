// Package canon is the one canonical JSON encoder of the module: what decides,
// answers and records goes through it, so that the same value gives the same
// bytes in every runtime and release.
//
// The form: members in the order in which they are written, no blanks, strings
// in UTF-8 with only the escapes that JSON demands (\" \\ \b \f \n \r \t and
// \u00xx in lower case for the other control characters), invalid UTF-8 replaced
// by U+FFFD, integers in plain decimal, floats in the shortest form that reads
// back to the same value, with an exponent outside [1e-6, 1e21): the number form of
// RFC 8785. NaN and the
// infinities have no JSON form and are written as null.
package canon

import (
	"math"
	"strconv"
	"time"
)

// AppendFloat appends f in the shortest form that reads back to f; NaN and the
// infinities become null, negative zero becomes 0.
func AppendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	if f == 0 {
		return append(dst, '0')
	}
	if abs := math.Abs(f); abs < 1e-6 || abs >= 1e21 {
		dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
		// Go writes at least two digits of exponent; RFC 8785 writes e-7, not e-07.
		if n := len(dst); dst[n-2] == '0' && dst[n-3] == '-' {
			dst[n-2] = dst[n-1]
			dst = dst[:n-1]
		}
		return dst
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

// Writer builds one JSON text; commas are its own affair. The zero Writer is
// ready to use. It does not check that calls nest: its callers' tests do.
type Writer struct {
	buf  []byte
	open bool // the next member or element is the first of its container
}

// NewWriter returns a Writer that appends to dst.
func NewWriter(dst []byte) *Writer { return &Writer{buf: dst, open: true} }

// Bytes returns what was written; it is valid until the next call.
func (w *Writer) Bytes() []byte { return w.buf }

func (w *Writer) sep() {
	if n := len(w.buf); !w.open && n > 0 && w.buf[n-1] != ':' {
		w.buf = append(w.buf, ',')
	}
	w.open = false
}

// Object opens an object, EndObject closes it; likewise Array and EndArray.
func (w *Writer) Object() *Writer {
	w.sep()
	w.buf, w.open = append(w.buf, '{'), true
	return w
}

func (w *Writer) EndObject() *Writer {
	w.buf, w.open = append(w.buf, '}'), false
	return w
}

func (w *Writer) Array() *Writer {
	w.sep()
	w.buf, w.open = append(w.buf, '['), true
	return w
}

func (w *Writer) EndArray() *Writer {
	w.buf, w.open = append(w.buf, ']'), false
	return w
}

// Key writes the name of the next member; a value must follow.
func (w *Writer) Key(name string) *Writer {
	w.sep()
	w.buf = append(AppendString(w.buf, name), ':')
	return w
}

func (w *Writer) String(s string) *Writer {
	w.sep()
	w.buf = AppendString(w.buf, s)
	return w
}

func (w *Writer) Int(i int64) *Writer {
	w.sep()
	w.buf = AppendInt(w.buf, i)
	return w
}

func (w *Writer) Uint(u uint64) *Writer {
	w.sep()
	w.buf = strconv.AppendUint(w.buf, u, 10)
	return w
}

func (w *Writer) Float(f float64) *Writer {
	w.sep()
	w.buf = AppendFloat(w.buf, f)
	return w
}

func (w *Writer) Bool(b bool) *Writer {
	w.sep()
	w.buf = strconv.AppendBool(w.buf, b)
	return w
}

func (w *Writer) Null() *Writer {
	w.sep()
	w.buf = append(w.buf, "null"...)
	return w
}

// NonEmpty writes a member unless its value is "".
func (w *Writer) NonEmpty(name, value string) *Writer {
	if value == "" {
		return w
	}
	return w.Key(name).String(value)
}

// StringOrNull writes null for the empty string.
func (w *Writer) StringOrNull(s string) *Writer {
	if s == "" {
		return w.Null()
	}
	return w.String(s)
}

// Strings writes an array of strings; nil is the empty array.
func (w *Writer) Strings(list []string) *Writer {
	w.Array()
	for _, s := range list {
		w.String(s)
	}
	return w.EndArray()
}

// Time writes t in UTC as RFC 3339 with as many fractional digits as it has.
func (w *Writer) Time(t time.Time) *Writer {
	w.sep()
	w.buf = AppendTime(w.buf, t)
	return w
}

// Raw writes a JSON text that is canonical already.
func (w *Writer) Raw(b []byte) *Writer {
	w.sep()
	w.buf = append(w.buf, b...)
	return w
}

// Append writes what add appends, a JSON text that is canonical already.
func (w *Writer) Append(add func([]byte) []byte) *Writer {
	w.sep()
	w.buf = add(w.buf)
	return w
}
