// Package vectorfile reads the files in testdata/vectors: the one format in which
// this project writes known answers, described in testdata/README.md for readers
// in any language.
package vectorfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"testing"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/internal/testutil"
)

// File is one vector file.
type File struct {
	Format  int             `json:"format"`  // 1
	Kind    string          `json:"kind"`    // what the cases are fed to
	Comment string          `json:"comment"` // where the answers come from
	Notes   map[string]Note `json:"notes"`   // by flag
	Setup   json.RawMessage `json:"setup"`   // common to all cases; its shape depends on Kind
	Cases   []Case          `json:"cases"`
}

// Note explains a flag: the kind of bug, and what an attacker or an accident
// would gain where it is made.
type Note struct {
	Bug    string `json:"bug"`
	Effect string `json:"effect"`
}

// Case is one known answer.
type Case struct {
	ID      string          `json:"id"` // never changes; a retired case stays, with the flag "retired"
	Comment string          `json:"comment"`
	Flags   []string        `json:"flags"`
	NowMS   int64           `json:"now_ms"` // Unix milliseconds; 0 where no clock is needed
	Input   json.RawMessage `json:"input"`
	Expect  string          `json:"expect"`         // "ok", or the name of the code that must refuse
	Want    json.RawMessage `json:"want,omitempty"` // only with "ok"
}

var idForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Load reads and checks a file, and fails the test when it breaks the format:
// an unknown member, an id that stands twice, a flag without a note, a note
// without a case, an expectation that is no code, or no case at all.
func Load(tb testing.TB, path string) *File {
	tb.Helper()
	data := testutil.Read(tb, path)
	f, err := Parse(data)
	if err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	return f
}

// Parse is Load for bytes.
func Parse(data []byte) (*File, error) {
	if _, err := strictjson.Parse(data, strictjson.Limits{MaxBytes: 64 << 20, MaxValues: 1 << 22, CaseVariants: true}); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	f := &File{}
	if err := dec.Decode(f); err != nil {
		return nil, err
	}
	if f.Format != 1 || f.Kind == "" || f.Comment == "" || len(f.Cases) == 0 {
		return nil, fmt.Errorf("a vector file has format 1, a kind, a comment and at least one case")
	}
	return f, f.check()
}

func (f *File) check() error {
	codes := map[string]bool{}
	for _, name := range code.All() {
		codes[name] = true
	}
	ids, used := map[string]bool{}, map[string]bool{"retired": true}
	for i := range f.Cases {
		c := &f.Cases[i]
		switch {
		case !idForm.MatchString(c.ID):
			return fmt.Errorf("case %d: id %q is not lower-case words joined by hyphens", i, c.ID)
		case ids[c.ID]:
			return fmt.Errorf("case %q stands twice", c.ID)
		case c.Comment == "":
			return fmt.Errorf("case %q has no comment", c.ID)
		case !codes[c.Expect]:
			return fmt.Errorf("case %q expects %q, which is no code", c.ID, c.Expect)
		case c.Expect != "ok" && c.Want != nil:
			return fmt.Errorf("case %q is refused, and yet wants something", c.ID)
		case len(c.Input) == 0:
			return fmt.Errorf("case %q has no input", c.ID)
		}
		ids[c.ID] = true
		for _, flag := range c.Flags {
			if _, ok := f.Notes[flag]; !ok && flag != "retired" {
				return fmt.Errorf("case %q: flag %q has no note", c.ID, flag)
			}
			used[flag] = true
		}
	}
	for flag, note := range f.Notes {
		if !used[flag] {
			return fmt.Errorf("note %q has no case", flag)
		}
		if note.Bug == "" || note.Effect == "" {
			return fmt.Errorf("note %q needs a bug and an effect", flag)
		}
	}
	return nil
}

// Into decodes a setup, an input or a wanted answer, and fails on a member that
// the runner does not know: a runner must not pass over what it was told.
func Into(tb testing.TB, raw json.RawMessage, v any) {
	tb.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		tb.Fatalf("vectorfile: %v in %s", err, raw)
	}
}
