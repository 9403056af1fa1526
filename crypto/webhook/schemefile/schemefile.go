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
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictyaml"
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
	return (&strictyaml.Fault{Line: e.Line, Column: e.Column, Msg: e.Msg}).In("schemefile", e.File)
}

// Code returns the code "scheme_file".
func (e *Error) Code() uint32 { return ErrScheme.Code() }

// Unwrap returns ErrScheme.
func (e *Error) Unwrap() error { return ErrScheme }

// Load reads a file. Its errors are *Error, or wrap ErrScheme and the error of the
// file system.
func Load(path string) (webhook.Scheme, error) {
	data, err := strictyaml.ReadFile(path, MaxBytes)
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
	root, wrong := strictyaml.Document(data)
	if wrong != nil {
		return webhook.Scheme{}, failed(wrong)
	}
	var s webhook.Scheme
	var claims webhook.Claims
	format := ""
	r := &strictyaml.Reader{}
	r.Mapping(root, "", strictyaml.Fields{
		"scheme": r.Text(&format), "name": r.Text(&s.Name), "title": r.Text(&s.Title), "evidence": r.Text(&s.Evidence),
		"algorithm": r.Text((*string)(&s.Algorithm)),
		"signature": r.Inner("signature", strictyaml.Fields{
			"from": r.Text(&s.Signature.From), "form": r.Text((*string)(&s.Signature.Form)), "template": r.Text(&s.Signature.Template),
			"separator": r.Text(&s.Signature.Separator), "label": r.Text(&s.Signature.Label), "encoding": r.Text((*string)(&s.Signature.Encoding)),
		}),
		"key":    r.Inner("key", strictyaml.Fields{"text": r.Text(&s.Key.Text), "id": r.Text(&s.Key.ID)}),
		"signed": r.Texts(&s.Signed), "covered": r.Texts(&s.Covered), "single": r.Text(&s.Single),
		"timestamp": r.Inner("timestamp", strictyaml.Fields{
			"from": r.Text(&s.Timestamp.From), "unit": r.Text(&s.Timestamp.Unit),
			"skew": r.Duration(&s.Timestamp.Skew), "max_age": r.Duration(&s.Timestamp.MaxAge),
		}),
		"id": r.Text(&s.ID),
		"claims": func(n *yaml.Node) {
			s.Claims = &claims
			r.Inner("claims", strictyaml.Fields{"issuer": r.Text(&claims.Issuer), "body_hash": r.Text(&claims.BodyHash)})(n)
		},
	})
	if r.Wrong() != nil {
		return webhook.Scheme{}, failed(r.Wrong())
	}
	if err := judge(&s, format); err != "" {
		return webhook.Scheme{}, &Error{Line: root.Line, Column: root.Column, Msg: err}
	}
	return s, nil
}

func failed(f *strictyaml.Fault) *Error { return &Error{Line: f.Line, Column: f.Column, Msg: f.Msg} }

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
