// Package profilefile reads a profile.Profile from YAML. It stands apart from package
// profile so that what builds payloads does not link a YAML reader.
//
// A file holds one mapping; what is not required may be left out:
//
//	profile: 1                     # version of this format; required
//	name: acme-activation          # required
//	title: Acme's activation data
//	evidence: Acme's guide of 2026, section 4
//	validity: 30m                  # of pieces "until:"
//	limits: {auth_code: 6, name: 1-27}
//	keys:
//	  zone: {kind: tdes, id: acme-zone-1, label: "123456.1"}
//	random:
//	  filler: {bytes: 4, least: 21, most: 7e}   # bytes in hex, inclusive; or of: "ABC"
//	steps:                         # required; each reads those before it
//	  - name: clear
//	    join: ["literal:nonce=", nonce, "literal:;code=", auth_code]
//	  - name: block
//	    join: ["hex:2020", "random:filler", "length:clear:decimal", "step:clear"]
//	    pad: {to: 8, with: 21}     # a byte in hex, or pkcs7; always: true for a block more
//	  - name: sealed
//	    encrypt: {of: block, cipher: tdes-cbc, key: zone, iv: zero}   # aad, tag: apart
//	    encoding: HEX
//	  - name: out
//	    join: ["literal:ACME", "label:zone", "literal:", "step:sealed"]
//	    separator: "-"
//	result: out                    # default the last step
//	confirmed: {vectors: ..., layout: ...}       # written by issuant provision conform --confirm
//
// Other steps: json: {member: piece, "optional?": piece, nested: {...}}, where "json:"
// in front of a piece embeds it as it is; wrap: {of: "random:key", key: ROLE, hash:
// sha256}; sign: {of: STEP, key: ROLE, with: rsa-sha256}; hash: {of: PIECE, with:
// sha256}; pgp: STEP. Pieces and names are those of profile.Profile. Unknown names,
// names that occur twice, anchors and aliases, and a second document are refused.
package profilefile

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/crypto/provision/profile"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictyaml"
)

// Bounds and versions.
const (
	Format   = 1        // the version that is read
	MaxBytes = 64 << 10 // of a file, inclusive
)

// ErrProfile is what every error of this package wraps.
var ErrProfile = code.New(code.ProfileFile, "profilefile: not a format profile")

// Error tells where a file stops being a profile, and what to write instead.
type Error struct {
	File         string // "" for Parse
	Line, Column int    // 1-based; 0 when the place is not known
	Msg          string
}

func (e *Error) Error() string {
	return (&strictyaml.Fault{Line: e.Line, Column: e.Column, Msg: e.Msg}).In("profilefile", e.File)
}

// Code returns the code "profile_file".
func (e *Error) Code() uint32 { return ErrProfile.Code() }

// Unwrap returns ErrProfile.
func (e *Error) Unwrap() error { return ErrProfile }

// Load reads a file. Its errors are *Error, or wrap ErrProfile and the error of the
// file system.
func Load(path string) (profile.Profile, error) {
	data, err := strictyaml.ReadFile(path, MaxBytes)
	if err != nil {
		return profile.Profile{}, fmt.Errorf("%w: %w", ErrProfile, err)
	}
	p, err := Parse(data)
	if e, ok := errors.AsType[*Error](err); ok {
		e.File = path
	}
	return p, err
}

// file is a profile in the reading, with where its parts stand.
type file struct {
	strictyaml.Reader
	p      profile.Profile
	format string
	steps  []*yaml.Node
	places map[string]*yaml.Node // by profile.Problem.At
}

// Parse reads a profile and checks it (profile.Profile.Check). A confirmation of
// another layout is an error: what was confirmed is not what stands there. Its errors
// are *Error.
func Parse(data []byte) (profile.Profile, error) {
	if len(data) > MaxBytes {
		return profile.Profile{}, &Error{Msg: "larger than 64 KiB"}
	}
	root, wrong := strictyaml.Document(data)
	if wrong != nil {
		return profile.Profile{}, failed(wrong)
	}
	f := &file{places: map[string]*yaml.Node{}}
	f.read(root)
	if f.Wrong() != nil {
		return profile.Profile{}, failed(f.Wrong())
	}
	if f.format != strconv.Itoa(Format) {
		return profile.Profile{}, at(root, `wants "profile: 1", the version of this format`)
	}
	if err := f.p.Check(); err != nil {
		return profile.Profile{}, f.placed(root, err)
	}
	if f.p.Confirmed != (profile.Confirmation{}) && !f.p.Verified() {
		return profile.Profile{}, at(f.places["confirmed"], "the layout was changed after it was confirmed; confirm it anew (issuant provision conform --confirm), or take these lines out")
	}
	return f.p, nil
}

func failed(f *strictyaml.Fault) *Error { return &Error{Line: f.Line, Column: f.Column, Msg: f.Msg} }

func at(n *yaml.Node, msg string) *Error { return &Error{Line: n.Line, Column: n.Column, Msg: msg} }

// placed gives a problem the place of what it is about.
func (f *file) placed(root *yaml.Node, err error) error {
	problem, ok := errors.AsType[*profile.Problem](err)
	if !ok {
		return at(root, err.Error())
	}
	n, msg := root, problem.Msg
	switch {
	case problem.At != "":
		if place := f.places[problem.At]; place != nil {
			n = place
		}
		msg = problem.At + ": " + msg
	case problem.Step >= 0 && problem.Step < len(f.steps):
		n = f.steps[problem.Step]
		if name := f.p.Steps[problem.Step].Name; name != "" {
			msg = "step " + strictyaml.Clip(name) + ": " + msg
		}
	}
	return at(n, msg)
}

func (f *file) read(root *yaml.Node) {
	p := &f.p
	f.Mapping(root, "", strictyaml.Fields{
		"profile": f.Text(&f.format), "name": f.Text(&p.Name), "title": f.Text(&p.Title), "evidence": f.Text(&p.Evidence),
		"validity": f.Duration(&p.Validity), "result": f.Text(&p.Result),
		"limits": func(n *yaml.Node) {
			p.Limits = map[string]profile.Limit{}
			f.each(n, "limits", func(name string, v *yaml.Node) { p.Limits[name] = f.limit(v) })
		},
		"keys": func(n *yaml.Node) {
			p.Keys = map[string]profile.Key{}
			f.each(n, "keys", func(role string, v *yaml.Node) {
				var k profile.Key
				f.Mapping(v, "keys."+role+": ", strictyaml.Fields{"kind": f.Text(&k.Kind), "id": f.Text(&k.ID), "label": f.Text(&k.Label)})
				p.Keys[role] = k
			})
		},
		"random": func(n *yaml.Node) {
			p.Random = map[string]profile.Random{}
			f.each(n, "random", func(name string, v *yaml.Node) {
				var r profile.Random
				f.Mapping(v, "random."+name+": ", strictyaml.Fields{"bytes": f.number(&r.Bytes), "least": f.octet(&r.Least), "most": f.octet(&r.Most), "of": f.Text(&r.Of)})
				p.Random[name] = r
			})
		},
		"steps": func(n *yaml.Node) {
			f.List(n, func(item *yaml.Node) {
				f.steps = append(f.steps, item)
				p.Steps = append(p.Steps, f.step(item))
			})
		},
		"confirmed": func(n *yaml.Node) {
			f.places["confirmed"] = n
			f.Mapping(n, "confirmed: ", strictyaml.Fields{"vectors": f.Text(&p.Confirmed.Vectors), "layout": f.Text(&p.Confirmed.Layout)})
		},
	})
}

func (f *file) each(n *yaml.Node, within string, take func(string, *yaml.Node)) {
	f.Each(n, within+": ", func(name, v *yaml.Node) {
		f.places[within+"."+name.Value] = name
		take(name.Value, v)
	})
}

// limit reads 6 or 1-27.
func (f *file) limit(n *yaml.Node) (l profile.Limit) {
	text, _ := f.Scalar(n)
	least, most, span := strings.Cut(text, "-")
	if !span {
		most = least
	}
	var err, err2 error
	l.Least, err = strconv.Atoi(least)
	l.Most, err2 = strconv.Atoi(most)
	if err != nil || err2 != nil {
		f.Fail(n, "wants a number of characters as 6, or bounds as 1-27")
	}
	return l
}

func (f *file) number(to *int) func(*yaml.Node) {
	return func(n *yaml.Node) {
		text, ok := f.Scalar(n)
		var err error
		if *to, err = strconv.Atoi(text); ok && err != nil {
			f.Fail(n, "wants a whole number")
		}
	}
}

func (f *file) octet(to *byte) func(*yaml.Node) {
	return func(n *yaml.Node) {
		text, ok := f.Scalar(n)
		b, err := strconv.ParseUint(text, 16, 8)
		if ok && (err != nil || len(text) != 2) {
			f.Fail(n, "wants a byte as two hex digits")
		}
		*to = byte(b)
	}
}

func (f *file) step(n *yaml.Node) (s profile.Step) {
	f.Mapping(n, "a step: ", strictyaml.Fields{
		"name": f.Text(&s.Name), "separator": f.Text(&s.Separator), "pgp": f.Text(&s.PGP), "encoding": f.Text((*string)(&s.Encoding)),
		"join": func(n *yaml.Node) {
			s.Join = []string{}
			f.Texts(&s.Join)(n)
		},
		"json": func(n *yaml.Node) { s.JSON = f.members(n, 1) },
		"encrypt": func(n *yaml.Node) {
			e, tag := &profile.Encrypt{}, ""
			s.Encrypt = e
			f.Mapping(n, "encrypt: ", strictyaml.Fields{"of": f.Text(&e.Of), "cipher": f.Text(&e.Cipher), "key": f.Text(&e.Key), "iv": f.Text(&e.IV), "aad": f.Text(&e.AAD), "tag": f.Text(&tag)})
			if e.TagApart = tag == "apart"; tag != "" && tag != "apart" && tag != "appended" {
				f.Fail(n, "encrypt: tag is neither appended nor apart")
			}
		},
		"wrap": func(n *yaml.Node) {
			s.Wrap = &profile.Wrap{}
			f.Mapping(n, "wrap: ", strictyaml.Fields{"of": f.Text(&s.Wrap.Of), "key": f.Text(&s.Wrap.Key), "hash": f.Text(&s.Wrap.Hash)})
		},
		"sign": func(n *yaml.Node) {
			s.Sign = &profile.Sign{}
			f.Mapping(n, "sign: ", strictyaml.Fields{"of": f.Text(&s.Sign.Of), "key": f.Text(&s.Sign.Key), "with": f.Text(&s.Sign.With)})
		},
		"hash": func(n *yaml.Node) {
			s.Hash = &profile.Hash{}
			f.Mapping(n, "hash: ", strictyaml.Fields{"of": f.Text(&s.Hash.Of), "with": f.Text(&s.Hash.With)})
		},
		"pad": func(n *yaml.Node) {
			s.Pad = &profile.Pad{}
			f.Mapping(n, "pad: ", strictyaml.Fields{"to": f.number(&s.Pad.To), "with": f.Text(&s.Pad.With), "always": f.Bool(&s.Pad.Always)})
		},
	})
	return s
}

// members reads an object in its order; a name that ends in ? may be left out.
func (f *file) members(n *yaml.Node, depth int) []profile.Member {
	list := []profile.Member{}
	if depth > profile.MaxDepth {
		f.Fail(n, "json: deeper than %d objects", profile.MaxDepth)
		return list
	}
	f.Each(n, "json: ", func(name, v *yaml.Node) {
		var m profile.Member
		m.Name, m.Optional = strings.CutSuffix(name.Value, "?")
		if v.Kind == yaml.MappingNode {
			m.Members = f.members(v, depth+1)
		} else {
			m.Value, _ = f.Scalar(v)
		}
		list = append(list, m)
	})
	return list
}

// confirmedLines is the part of a file that Confirm writes.
var confirmedLines = regexp.MustCompile(`(?m)^confirmed:[^\n]*\n?(?:[ \t]+[^\n]*\n?)*`)

// Unconfirmed returns a file without its confirmation.
func Unconfirmed(data []byte) []byte { return confirmedLines.ReplaceAll(data, nil) }

// Confirm returns a file with a confirmation in it, in the place of an earlier one; the
// rest stays as it is, comments too. The error is that of Parse, or an *Error when the
// confirmation is not one of this layout.
func Confirm(data []byte, c profile.Confirmation) ([]byte, error) {
	out := bytes.TrimRight(Unconfirmed(data), "\n")
	out = fmt.Appendf(out, "\nconfirmed:\n  vectors: \"%s\"\n  layout: \"%s\"\n", c.Vectors, c.Layout)
	if _, err := Parse(out); err != nil {
		return nil, err
	}
	return out, nil
}
