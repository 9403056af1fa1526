package strictjson_test

import (
	"slices"
	"testing"

	"github.com/issuant/issuant/internal/strictjson"
)

const token = `{"account-id":98665386,"body-hash":"n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=","exp":1796291999,"iat":1795427999,"iss":"api.pismo.io","nbf":0,"sub":"api-cards-tokenization"}`

func TestFlatTakesWhatProgramsSign(t *testing.T) {
	pairs, ok := strictjson.Flat(make([]strictjson.Pair, 0, 12), []byte(token))
	if !ok || len(pairs) != 7 || pairs[5] != (strictjson.Pair{Name: "nbf", Text: "0", Kind: strictjson.Number}) ||
		pairs[6] != (strictjson.Pair{Name: "sub", Text: "api-cards-tokenization", Kind: strictjson.String}) {
		t.Errorf("%v %v", pairs, ok)
	}
}

// TestFlatLeavesTheRestToParse: texts that are no JSON, and such as have something that
// Flat does not read.
func TestFlatLeavesTheRestToParse(t *testing.T) {
	for _, text := range []string{
		``, `{`, `{}`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{"a":1}}`, `{"a":1} `, ` {"a":1}`, `{"a":1,"a":2}`, `{"b":1,"a":2}`,
		`{"A":1}`, `{"aaaaaaaaaZ":1}`, `{"a":01}`, `{"a":-1}`, `{"a":1.5}`, `{"a":1e3}`, `{"a":1234567890123456789}`, `{"a":"\n"}`, `{"a":"é"}`, `{"é":1}`,
		"{\"a\":\"\n\"}", `{"a":"b}`, `{"a":"b"`, `{"a" :1}`, `{"a":true}`, `{"a":[]}`, `{"a":"b";"c":1}`, `{"a":"b" ,"c":1}`, `["a"]`,
		`{"a":1,"b":2,"c":3,"d":4,"e":5}`,
	} {
		if pairs, ok := strictjson.Flat(make([]strictjson.Pair, 0, 4), []byte(text)); ok {
			t.Errorf("%q gives %v", text, pairs)
		}
	}
}

// FuzzFlat: what Flat takes, Parse takes, and reads in the same way.
func FuzzFlat(f *testing.F) {
	for _, s := range []string{token, `{"":""}`, `{"a":0,"aa":"","ab":123456789012345678}`, `{"a":1,"a":2}`, `{"b":1,"a":2}`, `{"abcdefghZ":1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		pairs, ok := strictjson.Flat(make([]strictjson.Pair, 0, 6), data)
		if !ok {
			return
		}
		doc, err := strictjson.Read(data, strictjson.Limits{})
		if err != nil || !doc.Canonical() || doc.Root().Len() != len(pairs) {
			t.Fatalf("%q: %v", data, err)
		}
		defer doc.Release()
		var names []string
		m, _ := doc.Root().First()
		for _, p := range pairs {
			if m.Name() != p.Name || m.Kind() != p.Kind || m.Str() != p.Text {
				t.Fatalf("%q: %v", data, p)
			}
			names = append(names, p.Name)
			m, _ = m.Next(doc.Root())
		}
		if !slices.IsSorted(names) {
			t.Fatalf("%q: %q", data, names)
		}
	})
}
