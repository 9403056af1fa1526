package compile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/rules"
)

// reader reads the YAML of one file and reports what is wrong with it.
type reader struct {
	*sink
	src  *source
	rule string // id of the rule that is being read, for diagnostics
}

func (r *reader) fail(n *yaml.Node, code, msg, hint string) {
	r.add(r.src, r.spanOf(n), code, r.rule, msg, hint)
}

// spanOf returns the place of a node: all of a scalar on its first line, the first
// character of anything else.
func (r *reader) spanOf(n *yaml.Node) span {
	if n == nil || n.Line == 0 {
		return span{}
	}
	at := span{n.Line, n.Column, n.Column + 1}
	line := []rune(r.src.line(n.Line))
	switch {
	case n.Kind != yaml.ScalarNode || n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		places := scalarPlaces(r.src, n)
		if last := places[len(places)-1]; last.line == n.Line {
			at.To = last.col + 1
		} else {
			at.To = len(line) + 1
		}
	default:
		first, _, multi := strings.Cut(n.Value, "\n")
		at.To = n.Column + utf8.RuneCountInString(first)
		if multi || at.To > len(line)+1 {
			at.To = len(line) + 1
		}
	}
	at.To = max(at.To, at.From+1)
	return at
}

// parse returns the root node of the file's only document, nil after a diagnostic.
func (r *reader) parse() *yaml.Node {
	if !r.checkText() {
		return nil
	}
	dec := yaml.NewDecoder(strings.NewReader(r.src.text))
	var doc, second yaml.Node
	err := decodeYAML(dec, &doc)
	if errors.Is(err, io.EOF) || err == nil && isEmptyDoc(&doc) {
		r.add(r.src, span{}, "R0114", "", "the file is empty", "")
		return nil
	}
	if err == nil {
		if err = decodeYAML(dec, &second); err == nil {
			r.fail(&second, "R0106", "the file holds more than one YAML document", "make a file of each, or remove the line ---")
			return nil
		}
	}
	if !errors.Is(err, io.EOF) {
		r.syntax(err)
		return nil
	}
	if len(doc.Content) != 1 || !r.plain(doc.Content[0]) {
		return nil
	}
	return doc.Content[0]
}

func isEmptyDoc(doc *yaml.Node) bool {
	return len(doc.Content) == 0 || doc.Content[0].Kind == yaml.ScalarNode && doc.Content[0].ShortTag() == "!!null" && doc.Content[0].Value == ""
}

// decodeYAML turns what the YAML library panics with into an error: its input is
// a stranger's.
func decodeYAML(dec *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: the document cannot be read")
		}
	}()
	return dec.Decode(n)
}

// checkText reports bytes that no YAML text may hold.
func (r *reader) checkText() bool {
	line, col := 1, 1
	for i, c := range r.src.text {
		switch {
		case c == utf8.RuneError && !strings.HasPrefix(r.src.text[i:], "\ufffd"):
			r.add(r.src, span{line, col, col + 1}, "R0103", "", "the file is not UTF-8", "save it as UTF-8")
			return false
		case c < 0x20 && c != '\t' && c != '\n' && c != '\r', c == 0x7f:
			r.add(r.src, span{line, col, col + 1}, "R0104", "", fmt.Sprintf("control character U+%04X", c), "")
			return false
		case c == '\n', c == '\r' && !strings.HasPrefix(r.src.text[i:], "\r\n"):
			line, col = line+1, 1
			continue
		}
		col++
	}
	return true
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(?s:(.*))$`)

func (r *reader) syntax(err error) {
	msg, line := err.Error(), 0
	if m := yamlLine.FindStringSubmatch(msg); m != nil {
		line, _ = strconv.Atoi(m[1])
		msg = m[2]
	}
	if at, ok := r.leadingTab(); ok {
		r.add(r.src, at, "R0104", "", "a tab indents this line", "indent YAML with blanks")
		return
	}
	line = r.culprit(max(line, 1), msg)
	text := []rune(r.src.line(line))
	from := 1 + len(text) - utf8.RuneCountInString(strings.TrimLeft(string(text), " "))
	r.add(r.src, span{line, from, max(len(text)+1, from+1)}, "R0105", "", "not YAML: "+strings.TrimSpace(printable(msg)), yamlHint(string(text)))
}

// structural are the complaints of the YAML library's parser, whose line is one too
// low; those of its scanner have the right one.
var structural = regexp.MustCompile(`^did not find expected (key|node content|',' or|'-' indicator)`)

// culprit returns the line to show: one with a known mistake when it is near.
func (r *reader) culprit(line int, msg string) int {
	if structural.MatchString(msg) {
		line++
	}
	for _, l := range []int{line, line - 1, line + 1} {
		if yamlHint(r.src.line(l)) != "" {
			return l
		}
	}
	if strings.TrimSpace(r.src.line(line)) == "" {
		return max(1, line-1)
	}
	return line
}

// yamlHint knows the mistakes that conditions invite in a plain scalar.
func yamlHint(line string) string {
	_, val, ok := strings.Cut(line, "when:")
	if val = strings.TrimSpace(val); ok && val != "" && strings.Contains(`"'!&*[{%@|>`, val[:1]) {
		return "a condition that starts with " + quote(val[:1]) + " needs a block: write `when: |` and the condition indented on the next line"
	}
	return ""
}

func (r *reader) leadingTab() (span, bool) {
	r.src.line(1)
	for i, l := range r.src.lines {
		lead := l[:len(l)-len(strings.TrimLeft(l, " \t"))]
		if at := strings.IndexByte(lead, '\t'); at >= 0 {
			return span{i + 1, at + 1, at + 2}, true
		}
	}
	return span{}, false
}

// plain reports anchors, aliases and explicit tags: with them one text could be
// read in two ways, and a small file could stand for a large one.
func (r *reader) plain(n *yaml.Node) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		r.fail(n, "R0107", "packs have no aliases", "write the value out; a value that starts with * needs quotes")
		return false
	case n.Anchor != "":
		r.fail(n, "R0107", "packs have no anchors", "a value that starts with & needs quotes")
		return false
	case n.Style&yaml.TaggedStyle != 0:
		r.fail(n, "R0107", "packs have no YAML tags", "a value that starts with ! needs quotes; a condition may start with `not`")
		return false
	}
	ok := true
	for _, c := range n.Content {
		ok = r.plain(c) && ok
	}
	return ok
}

// member is one key of a mapping.
type member struct {
	name     string
	key, val *yaml.Node
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "a number"
	}
	return "a text"
}

// members returns the keys of a mapping in their order; known, when not nil, are
// the keys that it may have.
func (r *reader) members(n *yaml.Node, what string, known []string) ([]member, bool) {
	if n.Kind != yaml.MappingNode {
		r.fail(n, "R0110", what+" must be a mapping, not "+kindName(n), "")
		return nil, false
	}
	var list []member
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind != yaml.ScalarNode {
			r.fail(k, "R0110", "a key must be a text, not "+kindName(k), "")
			continue
		}
		if slices.ContainsFunc(list, func(m member) bool { return m.name == k.Value }) {
			r.fail(k, "R0108", "the key "+quote(k.Value)+" stands twice", "")
			continue
		}
		if known != nil && !slices.Contains(known, k.Value) {
			r.unknownKey(k, what, known)
			continue
		}
		list = append(list, member{k.Value, k, n.Content[i+1]})
	}
	return list, true
}

func (r *reader) unknownKey(k *yaml.Node, what string, known []string) {
	hint := "the keys are " + strings.Join(known, ", ")
	if near := rules.Nearest(k.Value, known); near != "" {
		hint = "did you mean " + quote(near) + "?"
	}
	r.fail(k, "R0109", "unknown key "+quote(k.Value)+" in "+what, hint)
}

// items returns the items of a sequence.
func (r *reader) items(n *yaml.Node, what string) ([]*yaml.Node, bool) {
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "R0110", what+" must be a list, not "+kindName(n), "")
		return nil, false
	}
	return n.Content, true
}

// text returns a text of at most MaxTextBytes; numbers and dates stand for their
// own spelling.
func (r *reader) text(n *yaml.Node, what string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" || n.ShortTag() == "!!bool" {
		r.fail(n, "R0110", what+" must be a text, not "+kindName(n), "")
		return "", false
	}
	if len(n.Value) > MaxTextBytes {
		r.fail(n, "R0112", fmt.Sprintf("max_text_bytes: %s has more than %d bytes", what, MaxTextBytes), "")
		return "", false
	}
	return strings.TrimSpace(n.Value), true
}

func (r *reader) boolean(n *yaml.Node, what string) (val, ok bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		hint := ""
		if n.Kind == yaml.ScalarNode && slices.Contains([]string{"yes", "no", "on", "off", "y", "n"}, strings.ToLower(n.Value)) {
			hint = "write true or false"
		}
		r.fail(n, "R0110", what+" must be true or false, not "+kindName(n), hint)
		return false, false
	}
	return strings.EqualFold(n.Value, "true"), true
}

// integer reads a decimal integer from lo to hi.
func (r *reader) integer(n *yaml.Node, what string, lo, hi int64) (int64, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" {
		r.fail(n, "R0110", what+" must be an integer, not "+kindName(n), "")
		return 0, false
	}
	v, err := strconv.ParseInt(strings.ReplaceAll(n.Value, "_", ""), 10, 64)
	if err != nil || v < lo || v > hi {
		r.fail(n, "R0211", fmt.Sprintf("%s must be from %d to %d", what, lo, hi), "")
		return 0, false
	}
	return v, true
}

// word reads one of the known words.
func (r *reader) word(n *yaml.Node, code, what string, known ...string) (string, bool) {
	s, ok := r.text(n, what)
	if !ok {
		return "", false
	}
	if !slices.Contains(known, s) {
		hint := ""
		if near := rules.Nearest(strings.ToLower(s), known); near != "" {
			hint = "did you mean " + quote(near) + "?"
		}
		r.fail(n, code, what+" must be one of "+strings.Join(known, ", ")+", not "+quote(s), hint)
		return "", false
	}
	return s, true
}

// texts reads a list of texts, or one text for a list of one.
func (r *reader) texts(n *yaml.Node, what string) []string {
	if n.Kind == yaml.ScalarNode {
		if s, ok := r.text(n, what); ok {
			return []string{s}
		}
		return nil
	}
	items, _ := r.items(n, what)
	var list []string
	for _, item := range items {
		if s, ok := r.text(item, "an item of "+what); ok {
			list = append(list, s)
		}
	}
	return list
}

// instant reads an RFC 3339 instant, or a date for its first instant in UTC.
func (r *reader) instant(n *yaml.Node, code, what string) (time.Time, bool) {
	s, ok := r.text(n, what)
	if !ok {
		return time.Time{}, false
	}
	at, err := parseInstant(s)
	if err != nil {
		r.fail(n, code, what+" must be a date or an instant, not "+quote(s), "as in 2026-11-23 or 2026-11-23T10:00:00Z")
		return time.Time{}, false
	}
	return at, true
}

var errInstant = errors.New("not an instant of the years 1700 to 2200")

func parseInstant(s string) (time.Time, error) {
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		var ok bool
		if at, ok = rules.ParseTime(s); !ok {
			return at, errInstant
		}
	}
	if y := at.Year(); y < 1700 || y > 2200 {
		return at, errInstant
	}
	return at, nil
}

var utf8BOM = []byte("\ufeff")

func trimBOM(b []byte) []byte { return bytes.TrimPrefix(b, utf8BOM) }
