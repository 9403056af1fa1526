package strictjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/strictjson"
)

func Example() {
	_, err := strictjson.Parse([]byte(`{"exp": 1652536630, "Exp": 9999999999}`), strictjson.Limits{})
	fmt.Println(err)
	// Output: json: offset 20: name differs from another only in case
}

func TestParseRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		in     string
		offset int
		msg    string
	}{
		"nothing":                  {"", 0, "text ends"},
		"blanks only":              {" \n", 2, "text ends"},
		"two values":               {"1 2", 2, "text after"},
		"byte order mark":          {"\xef\xbb\xbf{}", 0, "no JSON value"},
		"no-break space":           {"\u00a0{}", 0, "no JSON value"},
		"duplicate name":           {`{"a":1,"a":2}`, 7, "duplicate name"},
		"escaped duplicate name":   {`{"a":1,"\u0061":2}`, 7, "duplicate name"},
		"case variant":             {`{"kid":1,"Kid":2}`, 9, "only in case"},
		"long s for s":             {`{"sub":1,"ſub":2}`, 9, "only in case"},
		"kelvin sign for k":        {`{"kid":1,"` + "\u212a" + `id":2}`, 9, "only in case"},
		"trailing comma, object":   {`{"a":1,}`, 7, "name should stand"},
		"trailing comma, array":    {`[1,]`, 3, "no JSON value"},
		"missing colon":            {`{"a" 1}`, 5, "colon"},
		"missing comma":            {`[1 2]`, 3, "comma"},
		"single quotes":            {`{'a':1}`, 1, "name should stand"},
		"comment":                  {`{} // x`, 3, "text after"},
		"leading zero":             {`01`, 1, "text after"},
		"plus sign":                {`+1`, 0, "no JSON value"},
		"bare minus":               {`-`, 1, "a digit"},
		"no digit after the point": {`1.`, 2, "a digit"},
		"no digit in the exponent": {`1e+`, 3, "a digit"},
		"NaN":                      {`NaN`, 0, "no JSON value"},
		"capital true":             {`True`, 0, "no JSON value"},
		"true with a tail":         {`truex`, 4, "text after"},
		"open string":              {`"abc`, 4, "does not end"},
		"open escape":              {`"abc\`, 4, "does not end"},
		"line feed in a string":    {"\"a\nb\"", 2, "control character"},
		"NUL in a string":          {"\"\x00\"", 1, "control character"},
		"control after an escape":  {"\"\\n\x01\"", 3, "control character"},
		"unknown escape":           {`"\x41"`, 1, "unknown escape"},
		"short \\u":                {`"\u12"`, 1, "four hexadecimal"},
		"lone high surrogate":      {`"\ud800"`, 1, "lone surrogate"},
		"lone low surrogate":       {`"\udc00"`, 1, "lone surrogate"},
		"high and no low":          {`"\ud800\u0041"`, 1, "lone surrogate"},
		"bad UTF-8":                {"\"\xff\"", 1, "not UTF-8"},
		"bad UTF-8 after escape":   {"\"\\n\xc0\x80\"", 3, "not UTF-8"},
		"encoded surrogate":        {"\"\xed\xa0\x80\"", 1, "not UTF-8"},
		"open object":              {`{"a":1`, 6, "comma or }"},
		"open array":               {`[`, 1, "text ends"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := strictjson.Parse([]byte(tc.in), strictjson.Limits{})
			var e *strictjson.Error
			if !errors.As(err, &e) {
				t.Fatalf("accepted, or an error of another type: %v", err)
			}
			if e.Offset != tc.offset || !strings.Contains(e.Msg, tc.msg) {
				t.Errorf("got offset %d, %q; want offset %d, %q", e.Offset, e.Msg, tc.offset, tc.msg)
			}
		})
	}
}

func TestParseKeepsBounds(t *testing.T) {
	deep := strings.Repeat("[", 4) + strings.Repeat("]", 4)
	if _, err := strictjson.Parse([]byte(deep), strictjson.Limits{MaxDepth: 4}); err != nil {
		t.Errorf("a depth of 4 is within a bound of 4: %v", err)
	}
	for name, tc := range map[string]struct {
		in  string
		lim strictjson.Limits
	}{
		"depth of arrays":  {deep, strictjson.Limits{MaxDepth: 3}},
		"depth of objects": {`{"a":{"a":{}}}`, strictjson.Limits{MaxDepth: 2}},
		"default depth":    {strings.Repeat("[", 65) + strings.Repeat("]", 65), strictjson.Limits{}},
		"bytes":            {`"aaaa"`, strictjson.Limits{MaxBytes: 5}},
		"values":           {`[1,2,3]`, strictjson.Limits{MaxValues: 3}},
		"number":           {strings.Repeat("1", 1025), strictjson.Limits{}},
		"a million open":   {strings.Repeat("[", 1_000_000), strictjson.Limits{}},
	} {
		if _, err := strictjson.Parse([]byte(tc.in), tc.lim); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestErrorNamesThePlaceAndQuotesNothing(t *testing.T) {
	_, err := strictjson.Parse([]byte(`{"card":{"a/b~c":["x",4111111111111111x]}}`), strictjson.Limits{})
	var e *strictjson.Error
	if !errors.As(err, &e) || e.Pointer != "/card/a~1b~0c/1" && e.Pointer != "/card/a~1b~0c" {
		t.Fatalf("pointer: %+v", e)
	}
	if strings.Contains(err.Error(), "4111") {
		t.Errorf("the text quotes the input: %v", err)
	}
}

// TestManyNamesCostLinearTime would take minutes if every name were compared
// with every other one.
func TestManyNamesCostLinearTime(t *testing.T) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i := range 60_000 {
		fmt.Fprintf(&b, `"n%d":1,`, i)
	}
	b.WriteString(`"N17":1}`)
	_, err := strictjson.Parse(b.Bytes(), strictjson.Limits{})
	if err == nil || !strings.Contains(err.Error(), "only in case") {
		t.Errorf("got %v", err)
	}
}

func TestNumbersKeepTheirText(t *testing.T) {
	for in, want := range map[string]struct {
		n  int64
		ok bool
	}{
		"9223372036854775807":  {9223372036854775807, true},
		"-9223372036854775808": {-9223372036854775808, true},
		"9223372036854775808":  {0, false},
		"1.0":                  {0, false},
		"1e3":                  {0, false},
		"-0":                   {0, false},
		"0":                    {0, true},
		`"1"`:                  {0, false},
	} {
		v, err := strictjson.Parse([]byte(in), strictjson.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		if n, ok := v.Int64(); ok != want.ok || ok && n != want.n {
			t.Errorf("%s: got %d, %v", in, n, ok)
		}
	}
	for in, want := range map[string]bool{"1e308": true, "1e309": false, `"1"`: false} {
		v, _ := strictjson.Parse([]byte(in), strictjson.Limits{})
		if _, ok := v.Float64(); ok != want {
			t.Errorf("Float64 of %s: %v", in, ok)
		}
	}
}

func TestMisCasedFindsForeignSpellings(t *testing.T) {
	v, err := strictjson.Parse([]byte(`{"EXP":1,"iat":2,"other":3}`), strictjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := v.MisCased("exp", "iat"); got != "EXP" {
		t.Errorf("got %q", got)
	}
	if got := v.MisCased("iat"); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestFoldAgreesWithEqualFold(t *testing.T) {
	names := []string{"kid", "KID", "\u212aid", "ſub", "sub", "SUB", "µ", "μ", "Μ", "ß", "ẞ", "K", "å", "Å", "\u212b", "ǅ", "ǆ"}
	for _, a := range names {
		for _, b := range names {
			if got, want := strictjson.Fold(a) == strictjson.Fold(b), strings.EqualFold(a, b); got != want {
				t.Errorf("%q and %q: folds equal %v, EqualFold %v", a, b, got, want)
			}
		}
	}
}

// FuzzParse holds the strict reader against encoding/json: whatever it accepts,
// encoding/json accepts and reads as the same value.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-0.5e+7,"x\u00e9\ud83d\ude00\n",true,false,null,{}],"b":{"c":[]}}`,
		`{"account-id":98665386,"body-hash":"x=","exp":1796291999,"n":{"a":"b","c":0},"z":[]}`, `{"b":1,"a":2}`, `{"a":1, "b":2}`,
		`"\ud800"`, `{"a":1,"A":2}`, "\"\xff\"", `[1,]`, ` 1 `, `01`, `"\/"`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := strictjson.Parse(data, strictjson.Limits{})
		if err != nil {
			var e *strictjson.Error
			if !errors.As(err, &e) || e.Code() == 0 {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		if !utf8.Valid(data) {
			t.Fatal("accepted bytes that are not UTF-8")
		}
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		var want any
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("encoding/json refuses what was accepted: %v", err)
		}
		if got := plain(v); !equal(got, want) {
			t.Fatalf("read as %#v, encoding/json reads %#v", got, want)
		}
		doc, err := strictjson.Read(data, strictjson.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		defer doc.Release()
		if sorted := written(nil, v); doc.Canonical() && !bytes.Equal(sorted, data) {
			t.Fatalf("%q is called canonical, which is %q", data, sorted)
		} else if !doc.Canonical() && bytes.Equal(sorted, data) && bytes.IndexByte(data, '\\') < 0 {
			t.Fatalf("%q is canonical", data)
		}
	})
}

// written appends a value as package canon writes it, members sorted.
func written(dst []byte, v strictjson.Value) []byte {
	w := canon.NewWriter(dst)
	switch v.Kind {
	case strictjson.Bool:
		w.Bool(v.Bool)
	case strictjson.Number:
		w.Raw([]byte(v.Str))
	case strictjson.String:
		w.String(v.Str)
	case strictjson.Array:
		w.Array()
		for _, item := range v.Items {
			w.Append(func(b []byte) []byte { return written(b, item) })
		}
		w.EndArray()
	case strictjson.Object:
		members := slices.Clone(v.Members)
		slices.SortFunc(members, func(a, b strictjson.Member) int { return strings.Compare(a.Name, b.Name) })
		w.Object()
		for _, m := range members {
			w.Key(m.Name).Append(func(b []byte) []byte { return written(b, m.Value) })
		}
		w.EndObject()
	default:
		w.Null()
	}
	return w.Bytes()
}

func plain(v strictjson.Value) any {
	switch v.Kind {
	case strictjson.Bool:
		return v.Bool
	case strictjson.Number:
		return json.Number(v.Str)
	case strictjson.String:
		return v.Str
	case strictjson.Array:
		list := make([]any, 0, len(v.Items))
		for _, item := range v.Items {
			list = append(list, plain(item))
		}
		return list
	case strictjson.Object:
		m := make(map[string]any, len(v.Members))
		for _, member := range v.Members {
			m[member.Name] = plain(member.Value)
		}
		return m
	}
	return nil
}

func equal(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

func TestTextTakesOneStringOfAnObject(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":"x"}`: "x", `{"b":1,"a":"é"}`: "é", `{"a":""}`: "",
		`{"A":"x"}`: "none", `{"a":"x","A":"y"}`: "none", `{"a":1}`: "none", `["a"]`: "none", `{"a":"x"`: "none", ``: "none", `{"a":"x","a":"x"}`: "none",
	} {
		got, ok := strictjson.Text([]byte(in), "a", strictjson.Limits{MaxBytes: 64})
		if ok == (want == "none") || ok && got != want {
			t.Errorf("%s: %q %v", in, got, ok)
		}
	}
}
