// Package strictyaml reads small YAML files that describe something: one document,
// mappings of known names, no anchors and aliases, no name twice, every fault with
// its place. What reads a file says what each name may hold; this package says no to
// everything else.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Fault is the first thing that is wrong with a file.
type Fault struct {
	Line, Column int // 1-based; 0 when the place is not known
	Msg          string
}

// Error returns "line 1, column 2: what is wrong", without the place when it is not known.
func (f *Fault) Error() string {
	if f.Line == 0 {
		return f.Msg
	}
	return fmt.Sprintf("line %d, column %d: %s", f.Line, f.Column, f.Msg)
}

// In is Error behind what found the fault and the name of the file, "" where it is not known.
func (f *Fault) In(finder, file string) string {
	if file != "" {
		finder += ": " + file
	}
	return finder + ": " + f.Error()
}

// ReadFile reads at most max bytes of a file, and one more when there are more.
func ReadFile(path string, max int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, max+1))
}

// Document parses YAML and returns its one value.
func Document(data []byte) (*yaml.Node, *Fault) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, &Fault{Msg: "empty"}
		}
		return nil, &Fault{Msg: "not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, &Fault{Msg: "more than one document"}
	}
	return doc.Content[0], nil
}

// Fields are the names that a mapping may have, with what reads their values.
type Fields map[string]func(*yaml.Node)

// Reader remembers the first thing that is wrong. The zero Reader is ready.
type Reader struct{ wrong *Fault }

// Wrong returns the first fault, nil when nothing is wrong.
func (r *Reader) Wrong() *Fault { return r.wrong }

// Fail notes a fault at a node, unless one is known.
func (r *Reader) Fail(n *yaml.Node, format string, args ...any) {
	if r.wrong == nil {
		r.wrong = &Fault{Line: n.Line, Column: n.Column, Msg: fmt.Sprintf(format, args...)}
	}
}

// Mapping reads a mapping of known names; within stands in front of what is said of
// its names.
func (r *Reader) Mapping(n *yaml.Node, within string, known Fields) {
	r.Each(n, within, func(name, value *yaml.Node) {
		read := known[name.Value]
		if read == nil {
			r.Fail(name, "%sunknown name %q", within, Clip(name.Value))
			return
		}
		read(value)
	})
}

// Each reads a mapping of any names, in the order of the file.
func (r *Reader) Each(n *yaml.Node, within string, take func(name, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode || n.Anchor != "" {
		r.Fail(n, "%swants names and values", within)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		switch {
		case name.Kind != yaml.ScalarNode || name.Anchor != "":
			r.Fail(name, "%sunknown name %q", within, Clip(name.Value))
			return
		case seen[name.Value]:
			r.Fail(name, "%s%s stands twice", within, Clip(name.Value))
		default:
			seen[name.Value] = true
			take(name, value)
		}
	}
}

// Inner is Mapping for the value of a name.
func (r *Reader) Inner(name string, known Fields) func(*yaml.Node) {
	return func(n *yaml.Node) { r.Mapping(n, name+": ", known) }
}

// Scalar reads a text or number as it is written.
func (r *Reader) Scalar(n *yaml.Node) (string, bool) {
	switch {
	case n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode:
		r.Fail(n, "wants one text; text with braces or brackets stands in quotation marks")
	case n.Kind != yaml.ScalarNode || n.Anchor != "":
		r.Fail(n, "anchors and aliases are not taken")
	case n.Tag != "!!str" && n.Tag != "!!int" || n.Value == "":
		r.Fail(n, "wants a text that is not empty; put it in quotation marks")
	default:
		return n.Value, true
	}
	return "", false
}

// Text reads a scalar.
func (r *Reader) Text(to *string) func(*yaml.Node) {
	return func(n *yaml.Node) { *to, _ = r.Scalar(n) }
}

// List reads a sequence of at least one value.
func (r *Reader) List(n *yaml.Node, take func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode || n.Anchor != "" {
		r.Fail(n, "wants a list")
		return
	}
	for _, item := range n.Content {
		take(item)
	}
}

// Texts reads a list of scalars.
func (r *Reader) Texts(to *[]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.List(n, func(item *yaml.Node) {
			if text, ok := r.Scalar(item); ok {
				*to = append(*to, text)
			}
		})
	}
}

// Duration reads a time such as 60s or 5m, more than 0.
func (r *Reader) Duration(to *time.Duration) func(*yaml.Node) {
	return func(n *yaml.Node) {
		text, ok := r.Scalar(n)
		d, err := time.ParseDuration(text)
		if ok && (err != nil || d <= 0) {
			r.Fail(n, "wants a time such as 60s or 5m, more than 0")
		}
		*to = d
	}
}

// Bool reads true or false.
func (r *Reader) Bool(to *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.Anchor != "" || n.Value != "true" && n.Value != "false" {
			r.Fail(n, "wants true or false")
			return
		}
		*to = n.Value == "true"
	}
}

// Clip shortens what a fault quotes.
func Clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "..."
	}
	return s
}
