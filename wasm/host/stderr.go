package host

import (
	"regexp"
	"strings"
)

// How much of standard error is kept of one call. A dying Go program says in its first
// line what happened, and in its last ones where.
const (
	stderrHead = 2 << 10
	stderrTail = 6 << 10
)

// stderr keeps the first and the last bytes that were written since the last reset.
type stderr struct {
	head []byte
	tail []byte
	next int // where in a full tail the next byte goes
	lost int // bytes between head and tail
}

func (s *stderr) reset() { s.head, s.tail, s.next, s.lost = s.head[:0], s.tail[:0], 0, 0 }

// Write never fails, so that a module cannot tell that nobody listens.
func (s *stderr) Write(p []byte) (int, error) {
	n := len(p)
	if room := stderrHead - len(s.head); room > 0 {
		k := min(room, len(p))
		s.head, p = append(s.head, p[:k]...), p[k:]
	}
	if room := stderrTail - len(s.tail); room > 0 {
		k := min(room, len(p))
		s.tail, p = append(s.tail, p[:k]...), p[k:]
	}
	if skip := len(p) - stderrTail; skip > 0 {
		s.lost += skip
		p = p[skip:]
	}
	for len(p) > 0 {
		k := copy(s.tail[s.next:], p)
		s.next, s.lost, p = (s.next+k)%stderrTail, s.lost+k, p[k:]
	}
	return n, nil
}

// String returns what was kept, without what may show the module's memory: Go prints words
// of the stack, with their bytes as text, and the arguments of each function; and a card
// number would be a run of digits.
func (s *stderr) String() string {
	text := string(s.head)
	if s.lost > 0 {
		text += "\n[...]\n"
	}
	text += string(s.tail[s.next:]) + string(s.tail[:s.next])
	var kept []string
	for line := range strings.Lines(text) {
		if !dump.MatchString(line) {
			kept = append(kept, arguments.ReplaceAllString(line, "(...)"))
		}
	}
	return digits.ReplaceAllString(strings.Join(kept, ""), "[digits]")
}

var (
	// Lines of a hexadecimal dump, its head and what stands before it; a line that was
	// cut off where the tail begins may be one too.
	dump = regexp.MustCompile(`^[0-9a-f]*: |^ *7 6 5 4 |^stack: frame|^[0-9a-f .]{16,}`)
	// The arguments of a function, and the registers behind them.
	arguments = regexp.MustCompile(`\((0x|\{|_|\.\.\.)[^\n]*`)
	// A card number has 12 digits at least, and may be written in groups.
	digits = regexp.MustCompile(`[0-9](?:[ -]?[0-9]){8,}`)
)
