//go:build !issuant_verify

package module

import "github.com/issuant/issuant/internal/strictjson"

// cutter takes pieces off the two ends of a text.
type cutter struct{ rest []byte }

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (c *cutter) blanks() {
	for len(c.rest) > 0 && isBlank(c.rest[0]) {
		c.rest = c.rest[1:]
	}
}

func (c *cutter) eat(b byte) bool {
	c.blanks()
	if len(c.rest) == 0 || c.rest[0] != b {
		return false
	}
	c.rest = c.rest[1:]
	return true
}

// name takes a member's name and the colon behind it.
func (c *cutter) name(quoted string) bool {
	c.blanks()
	if len(c.rest) < len(quoted) || string(c.rest[:len(quoted)]) != quoted {
		return false
	}
	c.rest = c.rest[len(quoted):]
	return c.eat(':')
}

// number takes the digits of an integer that is not negative.
func (c *cutter) number() (n int64, ok bool) {
	c.blanks()
	i := 0
	for i < len(c.rest) && isDigit(c.rest[i]) && i < 16 {
		n = n*10 + int64(c.rest[i]-'0')
		i++
	}
	if i == 0 || i == 16 || c.rest[0] == '0' && i > 1 {
		return 0, false
	}
	c.rest = c.rest[i:]
	return n, true
}

// last takes a byte, and blanks around it, off the end; suffix a text.
func (c *cutter) last(b byte) bool {
	c.trim()
	n := len(c.rest)
	if n == 0 || c.rest[n-1] != b {
		return false
	}
	c.rest = c.rest[:n-1]
	c.trim()
	return true
}

func (c *cutter) suffix(text string) bool {
	n := len(c.rest) - len(text)
	if n < 0 || string(c.rest[n:]) != text {
		return false
	}
	c.rest = c.rest[:n]
	return true
}

func (c *cutter) trim() {
	for n := len(c.rest); n > 0 && isBlank(c.rest[n-1]); n-- {
		c.rest = c.rest[:n-1]
	}
}

// textOf returns the text of a member of an input's own object.
func textOf(in []byte, c, parent strictjson.Cursor) []byte {
	if c.Kind() == strictjson.Invalid {
		return nil
	}
	cut := cutter{rest: in[c.Off():]}
	if next, more := c.Next(parent); more {
		cut.rest = in[c.Off():next.NameOff()]
		cut.last(',')
	} else {
		cut.last('}')
	}
	return cut.rest
}
