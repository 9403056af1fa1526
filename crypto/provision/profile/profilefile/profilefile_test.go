package profilefile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/provision/profile"
	"github.com/issuant/issuant/crypto/provision/profile/profilefile"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testutil"
)

func Example() {
	p, err := profilefile.Parse([]byte(`
profile: 1
name: acme
steps:
  - name: out
    join: [pan, "expiry:MMYY", "literal:N"]
    separator: "|"
`))
	fmt.Println(p.Format(), p.Steps[0].Join, err)
	_, err = profilefile.Parse([]byte("profile: 1\nname: acme\nsteps:\n  - name: out\n    join: [pan, N]\n"))
	fmt.Println(err)
	// Output:
	// unverified-acme [pan expiry:MMYY literal:N] <nil>
	// profilefile: line 4, column 5: step out: "N": it is no piece; texts as they are stand behind literal:
}

var testNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const small = "profile: 1\nname: acme\nsteps:\n  - name: out\n    join: [pan]\n"

func TestFilesThatAreRefused(t *testing.T) {
	for what, tc := range map[string]struct{ text, want string }{
		"empty":                  {"", "empty"},
		"no YAML":                {"a: [", "not YAML"},
		"no version":             {"name: acme\nsteps:\n  - name: out\n    join: [pan]\n", "line 1, column 1: wants \"profile: 1\""},
		"another version":        {strings.Replace(small, "profile: 1", "profile: 2", 1), "line 1, column 1: wants \"profile: 1\""},
		"two documents":          {small + "---\n" + small, "more than one document"},
		"a list":                 {"- a\n", "line 1, column 1: wants names and values"},
		"an unknown name":        {small + "colour: red\n", "line 6, column 1: unknown name \"colour\""},
		"a name twice":           {small + "name: b\n", "line 6, column 1: name stands twice"},
		"an anchor":              {strings.Replace(small, "name: acme", "name: &a acme", 1), "line 2, column 7: anchors"},
		"an unknown step name":   {strings.Replace(small, "join:", "joins:", 1), "line 5, column 5: a step: unknown name \"joins\""},
		"a number for a list":    {strings.Replace(small, "[pan]", "7", 1), "line 5, column 11: wants a list"},
		"a true for a text":      {strings.Replace(small, "acme", "true", 1), "line 2, column 7: wants a text"},
		"a limit of words":       {small + "limits: {name: long}\n", "line 6, column 16: wants a number of characters"},
		"a limit of no input":    {small + "limits:\n  colour: 3\n", "line 7, column 3: limits.colour"},
		"a key of no kind":       {small + "keys:\n  zone: {kind: des}\n", "line 7, column 3: keys.zone: kind is not"},
		"a random byte":          {small + "random: {a: {bytes: 4, least: 321}}\n", "line 6, column 31: wants a byte"},
		"a random of no bytes":   {small + "random:\n  a: {bytes: 0}\n", "line 7, column 3: random.a"},
		"a validity of a day":    {small + "validity: tomorrow\n", "line 6, column 11: wants a time"},
		"a later step":           {strings.Replace(small, "[pan]", "[\"step:out\"]", 1), "line 4, column 5: step out: \"step:out\": it refers to nothing"},
		"a tag of colours":       {small + "  - name: x\n    encrypt: {of: out, cipher: aes-gcm, key: a, iv: zero, tag: red}\n", "tag is neither"},
		"a member without value": {"profile: 1\nname: a\nsteps:\n  - name: out\n    json: {a: }\n", "line 5, column 15: wants a text"},
		"a confirmation of none": {small + "confirmed: {vectors: yes, layout: no}\n", "confirmed"},
		"a confirmation of another layout": {small + "confirmed:\n  vectors: \"" + strings.Repeat("0", 64) + "\"\n  layout: \"" + strings.Repeat("0", 64) + "\"\n",
			"line 7, column 3: the layout was changed"},
		"large": {small + strings.Repeat("#", 64<<10), "larger than 64 KiB"},
		"deep":  {"profile: 1\nname: a\nsteps:\n  - name: out\n    json: " + strings.Repeat("{a: ", 20) + "pan" + strings.Repeat("}", 20) + "\n", "deeper than"},
	} {
		_, err := profilefile.Parse([]byte(tc.text))
		if _, ok := errors.AsType[*profilefile.Error](err); !ok || !strings.Contains(err.Error(), tc.want) || code.Of(err) != code.ProfileFile {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := profilefile.Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, profilefile.ErrProfile) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestConfirmWritesIntoTheFile: and leaves the rest of it as it is.
func TestConfirmWritesIntoTheFile(t *testing.T) {
	text := "# a comment\n" + small + "# another\n"
	p, err := profilefile.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c := profile.Confirmation{Vectors: strings.Repeat("1", 64), Layout: p.Digest()}
	once, err := profilefile.Confirm([]byte(text), c)
	if err != nil {
		t.Fatal(err)
	}
	c.Vectors = strings.Repeat("2", 64)
	twice, err := profilefile.Confirm(once, c)
	if err != nil {
		t.Fatal(err)
	}
	p, err = profilefile.Parse(twice)
	if err != nil || !p.Verified() || p.Confirmed != c || !strings.HasPrefix(string(twice), text) || strings.Count(string(twice), "confirmed:") != 1 {
		t.Errorf("%v\n%s", err, twice)
	}
	if _, err := profilefile.Confirm([]byte(text), profile.Confirmation{Vectors: c.Vectors, Layout: c.Vectors}); err == nil {
		t.Error("a confirmation of another layout is written")
	}
}

// TestEveryNameIsRead: a file with everything gives a Profile whose every field is set.
func TestEveryNameIsRead(t *testing.T) {
	p, err := profilefile.Load(filepath.Join("testdata", "everything.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				walk(v.Elem(), path)
			}
		case reflect.Struct:
			for i := range v.NumField() {
				name := v.Type().Name() + "." + v.Type().Field(i).Name
				seen[name] = seen[name] || !v.Field(i).IsZero()
				walk(v.Field(i), name)
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i), path)
			}
		case reflect.Map:
			for _, k := range v.MapKeys() {
				walk(v.MapIndex(k), path)
			}
		}
	}
	walk(reflect.ValueOf(p), "")
	for name, set := range seen {
		if !set && name != "Confirmation.Vectors" && name != "Confirmation.Layout" && name != "Profile.Confirmed" {
			t.Errorf("nothing in the file sets %s", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range testutil.Files(f, "testdata/*.yaml") {
		f.Add(testutil.Read(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := profilefile.Parse(data)
		if err != nil {
			if _, ok := errors.AsType[*profilefile.Error](err); !ok {
				t.Errorf("%T", err)
			}
			return
		}
		if err := p.Check(); err != nil {
			t.Error(err)
		}
		if f, err := profile.New(p, profile.Options{Unverified: true}); err == nil {
			_, err := f.UnsafeBuild(profile.Inputs{}, testNow)
			if err != nil && code.Of(err) == code.Internal {
				t.Error(err)
			}
		}
	})
}
