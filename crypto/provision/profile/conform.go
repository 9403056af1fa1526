package profile

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/digest"
)

// Report says how a layout and known answers agree. It holds no value of either.
type Report struct {
	Profile string `json:"profile"`
	Layout  string `json:"layout"`  // Profile.Digest
	Vectors string `json:"vectors"` // SHA-256 of the file, in hex
	Passed  int    `json:"passed"`
	Failed  int    `json:"failed"`
	Cases   []Case `json:"cases"`
}

// Case is the outcome of one vector.
type Case struct {
	ID     string `json:"id"`
	Passed bool   `json:"passed"`
	// Of a case that failed:
	Step   string `json:"step"`   // where the bytes differ first; "" when the reason is another
	Offset int    `json:"offset"` // of the first byte that differs, in the step; -1 when the reason is another
	Field  string `json:"field"`  // the piece or member that lies there
	Reason string `json:"reason"`
	// NotCompared are steps whose outcome the vector handed in: RSA-OAEP and OpenPGP
	// write other bytes each time.
	NotCompared []string `json:"not_compared"`
}

// OK reports whether every vector agreed, one at least.
func (r *Report) OK() bool { return r.Failed == 0 && r.Passed > 0 }

// Confirmation returns what the profile carries from now on; the zero value when a
// vector did not agree, or when none of them has a wanted result.
func (r *Report) Confirmation() Confirmation {
	if !r.OK() {
		return Confirmation{}
	}
	return Confirmation{Vectors: r.Vectors, Layout: r.Layout}
}

// Conform builds every case of a file of vectors with the randomness that the file
// names, and compares: the steps that the case wants in the order of the layout, then
// the result. The file has the format of testdata/README.md, of the kind
// "provision_conform". The keys of o are the vectors' keys, looked up at each case's
// now_ms; o.Unverified is not looked at.
//
// The error wraps ErrVectors for a file that is none, or is that of New; a difference
// is no error but a case that failed. What was built is wiped and never returned.
func Conform(p Profile, vectors []byte, o Options) (*Report, error) {
	if o.PGP == nil {
		o.PGP = noPGP{} // what it would write stands in the vectors
	}
	f, err := newFormat(p, o)
	if err != nil {
		return nil, err
	}
	file, err := parseVectors(vectors)
	if err != nil {
		return nil, err
	}
	if name := file.Setup.Profile; name != p.Name {
		return nil, notVectors("setup.profile is not %q: they are for another layout", p.Name)
	}
	report := &Report{Profile: p.Name, Layout: p.Digest(), Vectors: digest.Of(vectors), Cases: []Case{}}
	wanted := false
	for i := range file.Cases {
		c := &file.Cases[i]
		if slices.Contains(c.Flags, "retired") {
			continue
		}
		out := f.conform(c)
		wanted = wanted || c.Expect == "ok"
		if out.Passed {
			report.Passed++
		} else {
			report.Failed++
		}
		report.Cases = append(report.Cases, out)
	}
	if !wanted {
		return nil, notVectors("no case wants a result: refusals alone confirm no layout")
	}
	return report, nil
}

// noPGP stands where no keys of OpenPGP were given.
type noPGP struct{}

// Seal refuses: a case that comes here does not hand the outcome in.
func (noPGP) Seal([]byte, time.Time) ([]byte, error) { return nil, ErrKey }

func (f *Format) conform(c *vector) Case {
	draws := &fixed{c, map[string]bool{}}
	r := &run{f: f, now: time.UnixMilli(c.NowMS), draws: draws, keep: true}
	defer r.wipe()
	out := Case{ID: c.ID, Offset: -1, NotCompared: []string{}}
	if wrong := f.unknown(c); wrong != "" {
		out.Reason = wrong
		return out
	}
	in, err := c.inputs()
	r.in = &in
	if err == nil {
		_, err = r.all()
	}
	for i := range f.plan.steps {
		if name := f.plan.steps[i].Name; draws.used[name] {
			out.NotCompared = append(out.NotCompared, name)
		}
	}
	switch {
	case err != nil && code.Of(err).String() == c.Expect:
		out.Passed = true
	case err != nil:
		out.Reason = fmt.Sprintf("refused with %s, where %s is expected: %s", code.Of(err), c.Expect, err)
		if fe, ok := errors.AsType[*card.FieldError](err); ok {
			out.Field = fe.Field
		}
	case c.Expect != "ok":
		out.Reason = "built, where " + c.Expect + " is expected"
	default:
		f.compare(r, c, &out)
	}
	return out
}

// unknown refuses a vector that names what the layout does not have: it was made for
// another layout, or is misspelt.
func (f *Format) unknown(c *vector) string {
	for name := range c.Input.Random {
		if _, ok := f.plan.Random[name]; !ok {
			return fmt.Sprintf("input.random.%s is no random value of the layout", clip(name))
		}
	}
	for name := range c.Input.Fixed {
		if s := f.plan.byName[name]; s == nil || !s.opaque {
			return fmt.Sprintf("input.fixed.%s is no step of RSA-OAEP or OpenPGP: what can be computed is not handed in", clip(name))
		}
	}
	if c.Want != nil {
		for name := range c.Want.Steps {
			if f.plan.byName[name] == nil {
				return fmt.Sprintf("want.steps.%s is no step of the layout", clip(name))
			}
		}
	}
	return ""
}

// compare looks at the steps that a case wants, then at the result.
func (f *Format) compare(r *run, c *vector, out *Case) {
	for i := range f.plan.steps {
		name := f.plan.steps[i].Name
		want, ok := c.Want.Steps[name]
		if ok && !r.same(name, want.b, out) {
			return
		}
	}
	out.Passed = r.same(f.plan.result(), c.Want.Result.b, out)
}

// same compares a step and says where it differs: as deep as can be told.
func (r *run) same(step string, want []byte, out *Case) bool {
	got := r.done[step].out
	at := firstDifference(got, want)
	if at < 0 {
		return true
	}
	out.Step, out.Offset = step, at
	out.Reason = fmt.Sprintf("byte %d of step %s differs", at, step)
	if len(got) != len(want) {
		out.Reason += fmt.Sprintf("; it has %d bytes, where %d are wanted", len(got), len(want))
	}
	r.locate(step, want, out, 0)
	return false
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) == len(b) {
		return -1
	}
	return min(len(a), len(b))
}

// locate finds the piece that differs: it decodes what is wanted, decrypts CBC, and
// goes into the step that lies where the difference is.
func (r *run) locate(step string, want []byte, out *Case, depth int) {
	s, m := r.f.plan.byName[step], r.done[step]
	raw, ok := s.Encoding.decode(want)
	if !ok || depth > MaxSteps {
		out.Step, out.Offset, out.Field = step, firstDifference(m.out, want), "encoding"
		return
	}
	at := firstDifference(m.raw, raw)
	if at < 0 {
		return
	}
	out.Step, out.Offset, out.Field = step, at, ""
	if s.Encrypt != nil && s.Encrypt.Cipher != "aes-gcm" {
		var iv []byte
		if s.iv.kind != "" {
			iv, _ = r.value(&s.iv)
		}
		if plaintext, err := r.cbc(s, iv, raw, false); err == nil {
			r.locate(s.Encrypt.Of, plaintext, out, depth+1)
			clear(plaintext)
		}
		return
	}
	for _, seg := range m.segs {
		if at >= seg.end {
			continue
		}
		if at < seg.start {
			if out.Field = ""; s.join != nil {
				out.Field = "separator"
			}
			break
		}
		out.Field = seg.name
		// A step that lies here is gone into when the rest has the same length, so that
		// its bytes in what is wanted are known.
		if end := seg.end + len(raw) - len(m.raw); seg.step != "" && end >= seg.start {
			r.locate(seg.step, raw[seg.start:end], out, depth+1)
		}
		return
	}
	if out.Field == "" && s.Pad != nil && len(m.segs) > 0 && at >= m.segs[len(m.segs)-1].end {
		out.Field = "pad"
	}
}
