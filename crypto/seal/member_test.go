package seal_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
)

func ExampleSealMembers() {
	file, recipient, _ := seal.NewKeyFile(start)
	to, _ := seal.ParseRecipients([]byte(recipient))
	document, err := seal.SealMembers([]byte(`{"id": 7, "holder": {"name": "A. Nyone", "town": "X"}}`), to, "/holder/name")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.Contains(string(document), "Nyone"))
	with, _ := seal.ParseIdentities(file)
	document, err = seal.OpenMembers(document, with, "/holder/name")
	fmt.Println(string(document), err)
	// Output:
	// false
	// {"id": 7, "holder": {"name": "A. Nyone", "town": "X"}} <nil>
}

const document = "{ \"a\" : [1, {\"b\": null}, \"\\u00e9\\\"]\"],\n\"A\":{}, \"x/y\": {\"~\": -1.50e3}, \"\": [ ] }\n"

// TestMembersComeBackByteForByte: whatever stands between them stays too.
func TestMembersComeBackByteForByte(t *testing.T) {
	ids, to := keyFile(t)
	for _, pointers := range [][]string{{"/a"}, {"/a/0"}, {"/a/1/b", "/a/2"}, {"/A", "/x~1y/~0", "/", "/a/1"}, {"/x~1y"}} {
		sealed, err := seal.SealMembers([]byte(document), to, pointers...)
		if err != nil {
			t.Fatal(pointers, err)
		}
		if string(sealed) == document || strings.Contains(string(sealed), "1.50e3") && strings.HasPrefix(pointers[0], "/x") {
			t.Error(pointers, "nothing was sealed")
		}
		if again, err := seal.OpenMembers(sealed, ids, pointers...); err != nil || string(again) != document {
			t.Errorf("%v: %s %v", pointers, again, err)
		}
	}
}

func TestAMemberOpensInItsOwnPlaceAlone(t *testing.T) {
	ids, to := keyFile(t)
	sealed, err := seal.SealMembers([]byte(`{"a":"first","b":"second"}`), to, "/a", "/b")
	if err != nil {
		t.Fatal(err)
	}
	swapped := strings.NewReplacer(`"a"`, `"b"`, `"b"`, `"a"`).Replace(string(sealed))
	if out, err := seal.OpenMembers([]byte(swapped), ids, "/a", "/b"); out != nil || !errors.Is(err, seal.ErrSealed) || !strings.Contains(err.Error(), "another place") {
		t.Errorf("swapped: %s %v", out, err)
	}
	plain, err := seal.Seal(to, []byte(`"not a member"`))
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{`"` + plain + `"`, `"x"`, `7`, `null`, `{}`, `""`} {
		if out, err := seal.OpenMembers([]byte(`{"a":`+value+`}`), ids, "/a"); out != nil || !errors.Is(err, seal.ErrSealed) {
			t.Errorf("%.20s: %s %v", value, out, err)
		}
	}
}

func TestPointersAreRefusedPlainly(t *testing.T) {
	_, to := keyFile(t)
	for want, pointers := range map[string][]string{
		"is not in it":         {"/nothing"},
		"begins with a slash":  {""},
		"slash, as":            {"a"},
		`"/a/3" is not in it`:  {"/a/3"},
		`"/a/00" is not in it`: {"/a/00"},
		`"/a/-" is not in it`:  {"/a/-"},
		"a tilde is written":   {"/x~y"},
		`"/a/0" lies within`:   {"/a", "/a/0"},
		"stands twice":         {"/A", "/A"},
		"1 to 64 members":      nil,
		`"/A/x" is not in it`:  {"/A/x"},
	} {
		out, err := seal.SealMembers([]byte(document), to, pointers...)
		if out != nil || !errors.Is(err, seal.ErrMember) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", pointers, err, want)
		}
	}
	var je *strictjson.Error
	for _, text := range []string{"", "{", `{"a":1,"a":2}`, `{"a":1} x`} {
		if _, err := seal.SealMembers([]byte(text), to, "/a"); !errors.As(err, &je) || code.Of(err) != code.JSON {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := seal.SealMembers(make([]byte, seal.MaxDocument+1), to, "/a"); !errors.Is(err, seal.ErrTooLarge) {
		t.Error(err)
	}
	if _, err := seal.SealMembers([]byte(`{"a":1}`), nil, "/a"); !errors.Is(err, seal.ErrKey) {
		t.Error(err)
	}
}

func FuzzSealMembers(f *testing.F) {
	ids, to := keyFile(f)
	f.Add(document, "/a/1")
	f.Add(`{"a":1}`, "/a")
	f.Fuzz(func(t *testing.T, text, pointer string) {
		sealed, err := seal.SealMembers([]byte(text), to, pointer)
		if err != nil {
			return
		}
		if again, err := seal.OpenMembers(sealed, ids, pointer); err != nil || string(again) != text {
			t.Errorf("%q at %q comes back as %q: %v", text, pointer, again, err)
		}
	})
}
