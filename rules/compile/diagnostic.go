package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/issuant/issuant/internal/code"
)

// Severity tells whether a diagnostic fails the pack. The zero Severity does.
type Severity uint8

const (
	SeverityError   Severity = iota // the pack does not compile
	SeverityWarning                 // the pack compiles
	SeverityNote                    // worth knowing; the compiler itself has none
)

// String returns "error", "warning" or "note".
func (s Severity) String() string {
	switch s {
	case SeverityWarning:
		return "warning"
	case SeverityNote:
		return "note"
	}
	return "error"
}

// MarshalText returns the same as String.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Diagnostic is one finding in the source of a pack.
type Diagnostic struct {
	Code      string   `json:"code"` // see Codes
	Severity  Severity `json:"severity"`
	File      string   `json:"file"`       // below the pack's folder, with slashes; "" for a pack in binary form
	Line      int      `json:"line"`       // 1-based; 0 when the finding has no place within the file
	Column    int      `json:"column"`     // 1-based, in characters (code points)
	EndColumn int      `json:"end_column"` // first column after the finding, on the same line
	Rule      string   `json:"rule"`       // id of the rule, or ""
	Message   string   `json:"message"`
	Hint      string   `json:"hint"`    // what to write instead, or ""
	Snippet   string   `json:"snippet"` // the source line and a line of carets, or ""; card numbers are masked
}

// String returns the diagnostic as "file:line:column: severity CODE: message",
// followed by the snippet and the hint, each on lines of their own.
func (d Diagnostic) String() string {
	var b strings.Builder
	if d.File != "" {
		b.WriteString(d.File)
		if d.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", d.Line, d.Column)
		}
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, "%s %s: %s", d.Severity, d.Code, d.Message)
	if d.Rule != "" {
		fmt.Fprintf(&b, " (rule %s)", d.Rule)
	}
	b.WriteByte('\n')
	b.WriteString(d.Snippet)
	if d.Hint != "" {
		fmt.Fprintf(&b, "  hint: %s\n", d.Hint)
	}
	return b.String()
}

// Error is every finding in a pack that does not compile, sorted by file, line
// and column: at least one of severity error, at most MaxDiagnostics in all.
type Error struct {
	Diagnostics []Diagnostic
	More        int // findings beyond MaxDiagnostics
	code        code.Code
}

// Error returns the text of all diagnostics and a line that counts them.
func (e *Error) Error() string {
	var b strings.Builder
	for _, d := range e.Diagnostics {
		b.WriteString(d.String())
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "... and %d more\n", e.More)
	}
	b.WriteString("compile: " + e.summary())
	return b.String()
}

func (e *Error) summary() string {
	errs, warns := 0, 0
	for _, d := range e.Diagnostics {
		if d.Severity == SeverityError {
			errs++
		} else {
			warns++
		}
	}
	s := plural(errs+e.More, "error")
	if warns > 0 {
		s += ", " + plural(warns, "warning")
	}
	return s
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

// Code returns the code "compile", or "pack_test" for the files of tests/.
func (e *Error) Code() uint32 {
	if e.code != 0 {
		return uint32(e.code)
	}
	return uint32(code.Compile)
}

// finding is a diagnostic whose snippet is not drawn yet.
type finding struct {
	Diagnostic
	src *source
}

// sink collects findings. It is not safe for concurrent use.
type sink struct {
	found  []finding
	errors int
	seen   map[Diagnostic]bool // one finding may be met twice: comparisons in a chain share operands
}

func newSink() *sink { return &sink{seen: map[Diagnostic]bool{}} }

// span is a place: a line and the columns from From up to To, exclusive. The
// zero span is the file as a whole.
type span struct{ Line, From, To int }

func (s *sink) add(src *source, at span, code, rule, msg, hint string) {
	d := Diagnostic{Code: code, Severity: severityOf(code), Line: at.Line, Column: at.From, EndColumn: at.To,
		Rule: rule, Message: maskPANs(msg), Hint: maskPANs(hint)}
	if src != nil {
		d.File = src.name
	}
	if s.seen[d] {
		return
	}
	s.seen[d] = true
	if d.Severity == SeverityError {
		s.errors++
	}
	s.found = append(s.found, finding{d, src})
}

// finish returns the findings in order, at most MaxDiagnostics, and how many were
// left out; warnings are dropped first when there are errors too.
func (s *sink) finish() (list []Diagnostic, more int) {
	found := slices.Clone(s.found)
	sortFindings(found)
	if len(found) > MaxDiagnostics && s.errors > 0 {
		found = slices.DeleteFunc(found, func(f finding) bool { return f.Severity != SeverityError })
	}
	if more = len(found) - MaxDiagnostics; more > 0 {
		found = found[:MaxDiagnostics]
	}
	for _, f := range found {
		if f.src != nil && f.Line > 0 {
			f.Snippet = f.src.snippet(span{f.Line, f.Column, f.EndColumn})
		}
		list = append(list, f.Diagnostic)
	}
	return list, max(more, 0)
}

func sortFindings(found []finding) {
	slices.SortStableFunc(found, func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
	})
}

// err returns nil when nothing of severity error was found.
func (s *sink) err(c code.Code) error {
	if s.errors == 0 {
		return nil
	}
	list, more := s.finish()
	return &Error{Diagnostics: list, More: more, code: c}
}
