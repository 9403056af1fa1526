// Package schemefile reads a webhook.Scheme from YAML: for a counterpart that no
// preset covers, or whose construction is not public. It stands apart from package
// webhook so that the WASM module does not link a YAML reader.
//
// A file holds one mapping; what is not required may be left out:
//
//	scheme: 1                      # version of this format; required
//	name: acme                     # required; not that of a preset
//	title: Acme events
//	evidence: Acme's integration guide, 2026
//	algorithm: hmac-sha256         # required; see webhook.Algorithm
//	signature:
//	  from: header:X-Signature     # a source
//	  form: value                  # value, list, pairs, versions, compact, http-signature, rfc9421
//	  template: "sha256={signature}"
//	  separator: ","
//	  label: v1
//	  encoding: hex                # hex, base64, base64url, raw
//	key:
//	  text: hex                    # hex, base64, whsec
//	  id: header:X-Key-Id
//	signed: [timestamp, "literal:.", body]
//	covered: [content-digest]      # http-signature and rfc9421
//	single: /items                 # an array of exactly one item
//	timestamp:
//	  from: header:X-Timestamp
//	  unit: s                      # s, ms, http-date, rfc3339
//	  skew: 60s
//	  max_age: 5m
//	id: header:X-Event-Id
//	claims:                        # compact
//	  issuer: acme
//	  body_hash: body-hash
//
// The names and their meaning are those of webhook.Scheme. Unknown names, names that
// occur twice, anchors and aliases, and a second document are refused.
package schemefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/code"
)

// Bounds and versions.
const (
	Format   = 1        // the version that is read
	MaxBytes = 64 << 10 // of a file, inclusive
)

// ErrScheme is what every error of this package wraps.
var ErrScheme = code.New(code.SchemeFile, "schemefile: not a signature scheme")

// Error tells where a file stops being a scheme, and what to write instead.
type Error struct {
	File         string // "" for Parse
	Line, Column int    // 1-based; 0 when the place is not known
	Msg          string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("schemefile: ")
	if e.File != "" {
		b.WriteString(e.File + ": ")
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d, column %d: ", e.Line, e.Column)
	}
	return b.String() + e.Msg
}

// Code returns the code "scheme_file".
func (e *Error) Code() uint32 { return ErrScheme.Code() }

// Unwrap returns ErrScheme.
func (e *Error) Unwrap() error { return ErrScheme }

// Load reads a file. Its errors are *Error, or wrap ErrScheme and the error of the
// file system.
func Load(path string) (webhook.Scheme, error) {
	f, err := os.Open(path)
	if err != nil {
		return webhook.Scheme{}, fmt.Errorf("%w: %w", ErrScheme, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return webhook.Scheme{}, fmt.Errorf("%w: %w", ErrScheme, err)
	}
	s, err := Parse(data)
	if e, ok := errors.AsType[*Error](err); ok {
		e.File = path
	}
	return s, err
}

// Parse reads a scheme and checks it (webhook.Scheme.Check). Its errors are *Error.
func Parse(data []byte) (webhook.Scheme, error) {
	if len(data) > MaxBytes {
		return webhook.Scheme{}, &Error{Msg: "larger than 64 KiB"}
	}
	root, err := document(data)
	if err != nil {
		return webhook.Scheme{}, err
	}
	var s webhook.Scheme
	var claims webhook.Claims
	format := ""
	r := &reader{}
	r.mapping(root, "", fields{
		"scheme": r.text(&format), "name": r.text(&s.Name), "title": r.text(&s.Title), "evidence": r.text(&s.Evidence),
		"algorithm": r.text((*string)(&s.Algorithm)),
		"signature": r.inner("signature", fields{
			"from": r.text(&s.Signature.From), "form": r.text((*string)(&s.Signature.Form)), "template": r.text(&s.Signature.Template),
			"separator": r.text(&s.Signature.Separator), "label": r.text(&s.Signature.Label), "encoding": r.text((*string)(&s.Signature.Encoding)),
		}),
		"key":    r.inner("key", fields{"text": r.text(&s.Key.Text), "id": r.text(&s.Key.ID)}),
		"signed": r.texts(&s.Signed), "covered": r.texts(&s.Covered), "single": r.text(&s.Single),
		"timestamp": r.inner("timestamp", fields{
			"from": r.text(&s.Timestamp.From), "unit": r.text(&s.Timestamp.Unit),
			"skew": r.duration(&s.Timestamp.Skew), "max_age": r.duration(&s.Timestamp.MaxAge),
		}),
		"id": r.text(&s.ID),
		"claims": func(n *yaml.Node) {
			s.Claims = &claims
			r.inner("claims", fields{"issuer": r.text(&claims.Issuer), "body_hash": r.text(&claims.BodyHash)})(n)
		},
	})
	if r.wrong != nil {
		return webhook.Scheme{}, r.wrong
	}
	if err := judge(&s, format); err != "" {
		return webhook.Scheme{}, &Error{Line: root.Line, Column: root.Column, Msg: err}
	}
	return s, nil
}

// judge looks at the whole; it returns what is wrong, "" when nothing is.
func judge(s *webhook.Scheme, format string) string {
	switch format {
	case "1":
	case "":
		return `wants "scheme: 1", the version of this format`
	default:
		return "scheme is of a version that is not read here; this is version 1"
	}
	if _, ok := webhook.Preset(s.Name); ok || s.Name == "jws" || s.Name == "jwe" {
		return fmt.Sprintf("name: %q is that of a preset; a key that is for it would be taken for this one", s.Name)
	}
	if err := s.Check(); err != nil {
		return strings.TrimPrefix(err.Error(), webhook.ErrOptions.Error()+": ")
	}
	return ""
}

// document parses YAML and returns its one mapping.
func document(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, &Error{Msg: "empty"}
		}
		return nil, &Error{Msg: "not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, &Error{Msg: "more than one document"}
	}
	return doc.Content[0], nil
}

// fields are the names that a mapping may have, with what reads their values.
type fields map[string]func(*yaml.Node)

// reader remembers the first thing that is wrong.
type reader struct{ wrong *Error }

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	if r.wrong == nil {
		r.wrong = &Error{Line: n.Line, Column: n.Column, Msg: fmt.Sprintf(format, args...)}
	}
}

func (r *reader) mapping(n *yaml.Node, within string, known fields) {
	if n.Kind != yaml.MappingNode || n.Anchor != "" {
		r.fail(n, "%swants names and values", within)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		read := known[name.Value]
		switch {
		case name.Kind != yaml.ScalarNode || read == nil:
			r.fail(name, "%sunknown name %q", within, clip(name.Value))
		case seen[name.Value]:
			r.fail(name, "%s%s stands twice", within, name.Value)
		default:
			seen[name.Value] = true
			read(value)
		}
	}
}

func (r *reader) inner(name string, known fields) func(*yaml.Node) {
	return func(n *yaml.Node) { r.mapping(n, name+": ", known) }
}

// scalar reads a text or number as it is written.
func (r *reader) scalar(n *yaml.Node) (string, bool) {
	switch {
	case n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode:
		r.fail(n, "wants one text; text with braces or brackets stands in quotation marks")
	case n.Kind != yaml.ScalarNode || n.Anchor != "":
		r.fail(n, "anchors and aliases are not taken")
	case n.Tag != "!!str" && n.Tag != "!!int" || n.Value == "":
		r.fail(n, "wants a text that is not empty; put it in quotation marks")
	default:
		return n.Value, true
	}
	return "", false
}

func (r *reader) text(to *string) func(*yaml.Node) {
	return func(n *yaml.Node) { *to, _ = r.scalar(n) }
}

func (r *reader) texts(to *[]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.SequenceNode || n.Anchor != "" {
			r.fail(n, "wants a list")
			return
		}
		for _, item := range n.Content {
			if text, ok := r.scalar(item); ok {
				*to = append(*to, text)
			}
		}
	}
}

func (r *reader) duration(to *time.Duration) func(*yaml.Node) {
	return func(n *yaml.Node) {
		text, ok := r.scalar(n)
		d, err := time.ParseDuration(text)
		if ok && (err != nil || d <= 0) {
			r.fail(n, "wants a time such as 60s or 5m, more than 0")
		}
		*to = d
	}
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "..."
	}
	return s
}
