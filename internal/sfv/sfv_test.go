package sfv_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/sfv"
)

func TestDictionaryOfInnerLists(t *testing.T) {
	const text = `sig1=("@method" "@query-param";name="P\"e\\t";x "date";n=-5);created=1618884473;keyid="k";f=?0, a.b-c_*=:aGk=:, *t=tok/en:1;q , flag;p=7`
	m, err := sfv.ParseDictionary("  " + text)
	if err != nil {
		t.Fatal(err)
	}
	if len(m) != 4 || m[0].Name != "sig1" || !m[0].Inner || len(m[0].Items) != 3 || m[1].Name != "a.b-c_*" {
		t.Fatalf("%+v", m)
	}
	if want := text[len("sig1="):strings.Index(text, ", a.b")]; m[0].RawList != want {
		t.Errorf("raw list %q, want %q", m[0].RawList, want)
	}
	query := m[0].Items[1]
	if name, ok := query.Get("name"); !ok || name.Kind != sfv.String || name.Str != `P"e\t` || query.Raw != `"@query-param";name="P\"e\\t";x` {
		t.Errorf("%+v", query)
	}
	if x, ok := query.Get("x"); !ok || x.Kind != sfv.Boolean || !x.Bool {
		t.Errorf("x = %+v", x)
	}
	if n, _ := m[0].Items[2].Get("n"); n.Kind != sfv.Integer || n.Int != -5 {
		t.Errorf("n = %+v", n)
	}
	if created, _ := m[0].Item.Get("created"); created.Int != 1618884473 {
		t.Errorf("created = %+v", created)
	}
	if f, ok := m[0].Item.Get("f"); !ok || f.Bool || f.Kind != sfv.Boolean {
		t.Errorf("f = %+v", f)
	}
	if m[1].Item.Kind != sfv.Bytes || string(m[1].Item.Bytes) != "hi" {
		t.Errorf("%+v", m[1])
	}
	if m[2].Item.Kind != sfv.Token || m[2].Item.Str != "tok/en:1" {
		t.Errorf("%+v", m[2])
	}
	if m[3].Item.Kind != sfv.Boolean || !m[3].Item.Bool || len(m[3].Item.Params) != 1 {
		t.Errorf("%+v", m[3])
	}
	if _, ok := m[3].Item.Get("none"); ok {
		t.Error("a parameter that is not there")
	}
}

func TestDictionaryRefusesWhatCouldBeReadTwoWays(t *testing.T) {
	many := func(n int, one string) string { return strings.TrimSuffix(strings.Repeat(one, n), " ") }
	for name, text := range map[string]string{
		"empty": "", "blank": " ", "comma at the end": "a=1,", "comma alone": ",", "two commas": "a=1,,b=2", "twice": "a=1, a=2", "parameter twice": "a=1;b;b",
		"upper case": "A=1", "no name": "=1", "digit first": "1a=1", "blank before =": "a =1", "blank after =": "a= 1", "blank before ;": `a=( );b`,
		"two blanks": `a=("x"  "y")`, "blank first": `a=( "x")`, "blank last": `a=("x" )`, "no blank": `a=("x""y")`, "list open": `a=("x"`, "list in list": `a=(("x"))`,
		"tab in list": "a=(\"x\"\t\"y\")", "leading tab": "\ta=1", "decimal": "a=1.0", "leading zero": "a=01", "minus zero": "a=-0", "minus": "a=-", "sixteen digits": "a=1234567890123456", "plus": "a=+1",
		"string open": `a="x`, "string escape": `a="\n"`, "string end": `a="\`, "not ascii": `a="é"`, "control": "a=\"\x01\"", "bytes open": "a=:aGk=", "bytes unpadded": "a=:aGk:", "bytes line": "a=:aG\nk=:", "bytes bits": "a=:aGl=:",
		"boolean": "a=?2", "true long": "a=?1", "true parameter long": "a=1;b=?1", "date": "a=@1", "display": `a=%"x"`, "garbage": "a=1 b", "nothing": "a=", "parameter without name": "a=1;",
		"too long": "a=" + strings.Repeat("b", sfv.MaxBytes), "members": func() string {
			var b strings.Builder
			for i := range 33 {
				b.WriteString(strings.Repeat("a", i+1) + "=1,")
			}
			return strings.TrimSuffix(b.String(), ",")
		}(),
		"items": "a=(" + many(65, "1 ") + ")", "parameters": "a=1" + func() string {
			var b strings.Builder
			for i := range 17 {
				b.WriteString(";" + strings.Repeat("p", i+1))
			}
			return b.String()
		}(),
	} {
		m, err := sfv.ParseDictionary(text)
		var e *sfv.Error
		if !errors.As(err, &e) || m != nil {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
	if _, err := sfv.ParseDictionary("a=(" + many(64, "1 ") + ")"); err != nil {
		t.Errorf("64 items: %v", err)
	}
}

func TestQuote(t *testing.T) {
	if q, ok := sfv.Quote(`a"b\c`); !ok || q != `"a\"b\\c"` {
		t.Error(q)
	}
	if _, ok := sfv.Quote("a\nb"); ok {
		t.Error("a line break")
	}
	if sfv.QuoteBytes([]byte("hi")) != ":aGk=:" {
		t.Error("bytes")
	}
}

// FuzzParseDictionary: what is taken is written as its parts say, so that there is
// one text for one value.
func FuzzParseDictionary(f *testing.F) {
	f.Add(`sig1=("@method" "@query-param";name="Pet");created=1;keyid="k", b=:aGk=:`)
	f.Add(`a, b;c=?0, d=tok`)
	f.Fuzz(func(t *testing.T, text string) {
		members, err := sfv.ParseDictionary(text)
		if err != nil {
			return
		}
		var parts []string
		for _, m := range members {
			switch {
			case m.Inner:
				parts = append(parts, m.Name+"="+list(t, m))
			case m.Item.Kind == sfv.Boolean && m.Item.Bool:
				parts = append(parts, m.Name+params(t, m.Item.Params))
			default:
				parts = append(parts, m.Name+"="+bare(t, m.Item)+params(t, m.Item.Params))
			}
		}
		again, err := sfv.ParseDictionary(strings.Join(parts, ", "))
		if err != nil || len(again) != len(members) {
			t.Fatalf("%q: %v", strings.Join(parts, ", "), err)
		}
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Fatalf("%q is not how %q writes it", part, text)
			}
		}
	})
}

func list(t *testing.T, m sfv.Member) string {
	var items []string
	for _, i := range m.Items {
		items = append(items, bare(t, i)+params(t, i.Params))
	}
	raw := "(" + strings.Join(items, " ") + ")" + params(t, m.Item.Params)
	if raw != m.RawList {
		t.Fatalf("raw list %q, want %q", m.RawList, raw)
	}
	return raw
}

func params(t *testing.T, params []sfv.Param) string {
	var b strings.Builder
	for _, p := range params {
		b.WriteString(";" + p.Name)
		if p.Value.Kind != sfv.Boolean || !p.Value.Bool {
			b.WriteString("=" + bare(t, p.Value))
		}
	}
	return b.String()
}

func bare(t *testing.T, i sfv.Item) string {
	switch i.Kind {
	case sfv.Integer:
		return strconv.FormatInt(i.Int, 10)
	case sfv.String:
		q, ok := sfv.Quote(i.Str)
		if !ok {
			t.Fatalf("%q cannot be written", i.Str)
		}
		return q
	case sfv.Token:
		return i.Str
	case sfv.Bytes:
		return sfv.QuoteBytes(i.Bytes)
	case sfv.Boolean:
		if i.Bool {
			return "?1"
		}
		return "?0"
	}
	t.Fatalf("kind %d", i.Kind)
	return ""
}
