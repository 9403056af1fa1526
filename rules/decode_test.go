package rules_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
)

// small has every type, at the top and in a group, and names of many lengths.
var small = func() *rules.Schema {
	var fields []rules.Field
	for i, typ := range []rules.Type{rules.String, rules.Int, rules.Float, rules.Bool, rules.Time, rules.Strings} {
		fields = append(fields, rules.Field{Name: string("sifbtl"[i]), Type: typ}, rules.Field{Name: "k." + string("sifbtl"[i]), Type: typ})
	}
	for _, name := range []string{"sixskeys", "nineskeys", "sixteen_skeyskey", "seventeenkeyskeys", "seventeenskyskeys", "k.sixteen_skeyskey"} {
		fields = append(fields, rules.Field{Name: name, Type: rules.Int})
	}
	s, err := rules.NewSchema("small", 1, fields)
	if err != nil {
		panic(err)
	}
	return s
}()

// oracle is the specification: a tree, and DecodeFacts over it. In a decoder that
// skips, what it may skip is taken out of the tree first.
func oracle(s *rules.Schema, opt rules.DecoderOptions, body []byte) (*rules.Facts, rules.Passed, error) {
	lim := strictjson.Limits{MaxBytes: opt.MaxBytes, MaxDepth: opt.MaxDepth, MaxValues: opt.MaxValues}
	v, err := strictjson.Parse(body, lim)
	if err != nil {
		return nil, rules.Passed{}, err
	}
	var passed rules.Passed
	if opt.SkipUnknown {
		known := s.Names()
		for _, name := range s.Names() {
			if group, _, dotted := strings.Cut(name, "."); dotted {
				known = append(known, group)
			}
		}
		if opt.Reserved != "" {
			known = append(known, opt.Reserved)
		}
		if v, err = strip(s, "", v, known, &passed); err != nil {
			return nil, rules.Passed{}, err
		}
	}
	var reserved []string
	if opt.Reserved != "" {
		reserved = append(reserved, opt.Reserved)
	}
	if m, ok := v.Get(opt.Reserved); ok && opt.Reserved != "" {
		passed.Offset = m.Off
		raw := map[string]json.RawMessage{}
		if err := json.Unmarshal(body, &raw); err != nil {
			return nil, rules.Passed{}, err
		}
		passed.Reserved = string(raw[opt.Reserved])
	}
	f, err := rules.DecodeFacts(s, v, reserved...)
	return f, passed, err
}

// strip takes unknown members out of an object, by strings.EqualFold over all names.
func strip(s *rules.Schema, prefix string, v strictjson.Value, known []string, passed *rules.Passed) (strictjson.Value, error) {
	if v.Kind != strictjson.Object {
		return v, nil
	}
	out := v
	out.Members = nil
	for _, m := range v.Members {
		name := prefix + m.Name
		if !slices.Contains(known, name) || prefix != "" && strings.Contains(m.Name, ".") {
			for _, k := range known {
				if group, _, _ := strings.Cut(k, "."); strings.EqualFold(k, name) && (prefix == "" || group+"." == prefix) {
					return v, errors.New("mis-cased")
				}
			}
			passed.Unknown++
			continue
		}
		if prefix == "" && s.IsGroup(m.Name) && m.Name != "guards" {
			var err error
			if m.Value, err = strip(s, m.Name+".", m.Value, known, passed); err != nil {
				return v, err
			}
		}
		out.Members = append(out.Members, m)
	}
	return out, nil
}

func newDecoder(tb testing.TB, s *rules.Schema, opt rules.DecoderOptions) *rules.Decoder {
	tb.Helper()
	d, err := rules.NewDecoder(s, opt)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

type way struct {
	name   string
	schema *rules.Schema
	opt    rules.DecoderOptions
	d      *rules.Decoder
	dst    *rules.Facts // used again and again, as a caller would
}

func ways(tb testing.TB) []way {
	list := []way{
		{name: "event", schema: rules.EventV1(), opt: rules.DecoderOptions{Reserved: "guards"}},
		{name: "event skipping", schema: rules.EventV1(), opt: rules.DecoderOptions{SkipUnknown: true, Reserved: "guards"}},
		{name: "small", schema: small},
		{name: "small skipping", schema: small, opt: rules.DecoderOptions{SkipUnknown: true}},
		{name: "small bounds", schema: small, opt: rules.DecoderOptions{SkipUnknown: true, MaxDepth: 4, MaxValues: 12, MaxBytes: 300, Reserved: "guards"}},
	}
	for i := range list {
		list[i].d = newDecoder(tb, list[i].schema, list[i].opt)
		list[i].dst = new(rules.Facts)
	}
	return list
}

// agree compares the decoder with its oracle, to the last byte of an error.
func (w *way) agree(tb testing.TB, body []byte) (accepted bool) {
	tb.Helper()
	want, wantPassed, wantErr := oracle(w.schema, w.opt, body)
	// In WASM what lies behind the body is read, and must make no difference: nothing, the
	// end of another event, and what the body itself would go on with if it had been cut.
	for _, behind := range []string{`"}},"s":"x"}`, `,"s":"x","i":12,"b":true}}`, `99999,"s":"xxxxxxxxxxxxxxxxxx"`, event970[min(len(body), len(event970)-1):]} {
		w.agreeWith(tb, append(append(slices.Clip(body), behind...), make([]byte, 24)...)[:len(body)], true, want, wantPassed, wantErr)
	}
	return w.agreeWith(tb, body, false, want, wantPassed, wantErr)
}

func (w *way) agreeWith(tb testing.TB, body []byte, ahead bool, want *rules.Facts, wantPassed rules.Passed, wantErr error) (accepted bool) {
	tb.Helper()
	rules.ReadAhead(ahead)
	defer rules.ReadAhead(false)
	before := string(body)
	passed, err := w.d.Decode(w.dst, body)
	if string(body) != before {
		tb.Fatalf("%s: the body was changed: %q", w.name, before)
	}
	if (err == nil) != (wantErr == nil) {
		tb.Fatalf("%s: %q: decoder: %v; oracle: %v", w.name, body, err, wantErr)
	}
	if err != nil {
		if wantErr.Error() != "mis-cased" && (err.Error() != wantErr.Error() || code.Of(err) != code.Of(wantErr)) {
			tb.Fatalf("%s: %q: decoder: %v; oracle: %v", w.name, body, err, wantErr)
		}
		if c := code.Of(err); c != code.Event && c != code.JSON {
			tb.Fatalf("%s: %q: code %v of %v", w.name, body, c, err)
		}
		if w.dst.AppendJSON(nil, nil)[1] != '}' {
			tb.Fatalf("%s: %q: facts are left after %v", w.name, body, err)
		}
		return false
	}
	if got, want := string(w.dst.AppendJSON(nil, nil)), string(want.AppendJSON(nil, nil)); got != want {
		tb.Fatalf("%s: %q:\ndecoder: %s\noracle:  %s", w.name, body, got, want)
	}
	if passed != wantPassed {
		tb.Fatalf("%s: %q: passed %+v, oracle %+v", w.name, body, passed, wantPassed)
	}
	if !json.Valid(body) {
		tb.Fatalf("%s: %q is taken, and encoding/json refuses it", w.name, body)
	}
	return true
}

// texts are where two readers of JSON come to differ.
var texts = []string{
	`{}`, ` { } `, "\ufeff{}", ``, ` `, `null`, `[]`, `"x"`, `0`, `{`, `}`, `{}}`, `{} {}`, "{}\x00", `{}//`, `{,}`, `{"s"}`, `{"s":}`, `{"s":"x",}`, `{"s":"x" "i":1}`,
	"\t\r\n{\t\"s\"\n:\r\"x\" , \"i\" : 1 }\n", "{\f}", "{\u00a0}", `{'s':"x"}`, `{s:"x"}`,
	`{"s":"x","s":"y"}`, `{"s":null,"s":"y"}`, `{"s":"x","S":"y"}`, `{"S":"y"}`, `{"ſ":"y"}`, `{"s":"x","ſ":"y"}`, `{"\u0073":"x"}`, `{"\u0073":"x","s":"y"}`, `{"\u0053":"x"}`,
	`{"k":{"s":"x"},"k":{"i":1}}`, `{"k":null,"k":{}}`, `{"K":{}}`, `{"K":{}}`, `{"k":{"S":"x"}}`, `{"k":{"s":"x","s":"x"}}`, `{"k":{"ſ":"x"}}`, `{"k":{}}`, `{"k":null}`, `{"k":[]}`, `{"k":"x"}`, `{"k":{"k":{}}}`,
	`{"k.s":"x"}`, `{"K.S":"x"}`, `{"k.x":1}`, `{"k":{"k.s":"x"}}`, `{"sixSkeys":1}`, `{"sixsKeys":1}`, `{"sixskeys":1,"nineskeys":2,"sixteen_skeyskey":3,"seventeenkeyskeys":4,"seventeenskyskeys":5}`,
	`{"seventeenxkyskeys":1}`, `{"SEVENTEENKEYSKEYS":1}`, `{"ſeventeenkeyſKeyſ":1}`, `{"k":{"sixteen_skeyskey":1}}`, `{"k":{"sixteen_skeyſkey":1}}`,
	`{"x":1}`, `{"x":1,"x":2}`, `{"x":1,"X":2}`, `{"x":{"a":1,"a":2}}`, `{"x":{"a":1,"A":2}}`, `{"x":{"s":1,"ſ":2}}`, `{"x":{"ſ":1,"S":2}}`, `{"x":{"K":1,"k":2}}`, `{"x":{"Å":1,"å":2}}`, `{"x":{"Å":1,"Å":2}}`, `{"x":{"é":1,"é":2}}`, `{"x":[{"a":1,"a":1}]}`, `{"x":{"a":{"b":1},"b":{"a":1}}}`,
	`{"x":{"\u0061":1,"a":2}}`, `{"x":{"\ud835\udd04":1,"𝔄":2}}`, `{"":1}`, `{"":1,"":1}`, `{"x":{"":1,"":1}}`, `{"é":1}`, `{"é":1,"É":1}`, "{\"\x00\":1}", `{"\u0000":1}`,
	`{"i":0}`, `{"i":-0}`, `{"i":1}`, `{"i":-1}`, `{"i":00}`, `{"i":01}`, `{"i":-}`, `{"i":+1}`, `{"i":1.0}`, `{"i":1e0}`, `{"i":1E5}`, `{"i":"1"}`, `{"i":true}`, `{"i":null}`, `{"i":[1]}`, `{"i":0x1}`, `{"i":1_0}`, `{"i":Infinity}`, `{"i":1.}`, `{"i":.1}`,
	`{"i":9007199254740993}`, `{"i":9223372036854775807}`, `{"i":9223372036854775808}`, `{"i":-9223372036854775808}`, `{"i":-9223372036854775809}`, `{"i":18446744073709551615}`, `{"i":18446744073709551616}`, `{"i":99999999999999999999}`, `{"i":-99999999999999999999}`, `{"i":12345678901234567890123}`,
	`{"f":0}`, `{"f":-0}`, `{"f":-0.0}`, `{"f":1e309}`, `{"f":-1e309}`, `{"f":1e-400}`, `{"f":5e-324}`, `{"f":1.7976931348623157e308}`, `{"f":1.7976931348623159e308}`, `{"f":0.1}`, `{"f":1e+5}`, `{"f":1e}`, `{"f":1e+}`, `{"f":NaN}`, `{"f":9007199254740993}`, `{"f":0.30000000000000004}`, `{"f":-}`, `{"f":-.5}`, `{"f":1.5.5}`, `{"f":"1"}`,
	`{"f":` + strings.Repeat("1", 1024) + `}`, `{"f":` + strings.Repeat("1", 1025) + `}`, `{"f":0.` + strings.Repeat("1", 1022) + `}`, `{"f":0.` + strings.Repeat("1", 1023) + `}`, `{"x":` + strings.Repeat("1", 1025) + `}`, `{"f":2.` + strings.Repeat("2", 100) + `e-50}`,
	`{"b":true}`, `{"b":false}`, `{"b":tru}`, `{"b":truex}`, `{"b":True}`, `{"b":1}`, `{"b":null}`, `{"b":nul}`, `{"b":"true"}`, `{"x":fals}`, `{"x":nulll}`, `{"x":t}`, `{"x":tru`,
	`{"t":"2026-11-23T10:00:00Z"}`, `{"t":"2026-11-23T10:00:00.123456789+14:00"}`, `{"t":"2026-11-23"}`, `{"t":"2026-11-23T9:00:00Z"}`, `{"t":"1699-12-31T23:59:59Z"}`, `{"t":"1700-01-01T00:00:00Z"}`, `{"t":"1700-01-01T00:00:00+01:00"}`, `{"t":"2200-12-31T23:59:59.999999999Z"}`, `{"t":"2201-01-01T00:00:00Z"}`, `{"t":"2026-11-23T10:00:00\u005a"}`, `{"t":1}`, `{"t":""}`, `{"t":"2026-02-30T10:00:00Z"}`,
	`{"l":[]}`, `{"l":[ ]}`, `{"l":["a"]}`, `{"l":["a","b\n"],"k":{"l":["c",""]}}`, `{"l":[1]}`, `{"l":[null]}`, `{"l":["a",]}`, `{"l":["a" "b"]}`, `{"l":["a"`, `{"l":{}}`, `{"l":"a"}`, `{"l":[["a"]]}`, `{"l":null}`,
	`{"l":[` + strings.Repeat(`"a",`, 255) + `"a"]}`, `{"l":[` + strings.Repeat(`"a",`, 256) + `"a"]}`,
	`{"s":"` + strings.Repeat("x", 4096) + `"}`, `{"s":"` + strings.Repeat("x", 4097) + `"}`, `{"s":"` + strings.Repeat("é", 2048) + `"}`, `{"s":"` + strings.Repeat("é", 2048) + `x"}`, `{"s":"` + strings.Repeat(`\u00e9`, 2049) + `"}`, `{"l":["` + strings.Repeat("x", 4097) + `"]}`, `{"x":"` + strings.Repeat("x", 4097) + `"}`,
	`{"s":"\"\\\/\b\f\n\r\t\u00e9\u20AC\uD83D\uDE00\u0000"}`, `{"s":"\x"}`, `{"s":"\u12"}`, `{"s":"\u12g4"}`, `{"s":"\U0041"}`, `{"s":"\ud800"}`, `{"s":"\ud800\u0041"}`, `{"s":"\ud800\ud800"}`, `{"s":"\udc00"}`, `{"s":"\ud800x"}`, `{"s":"\udbff\udfff"}`, `{"s":"\ud83d\uDE0"}`, `{"s":"\ufffd"}`, `{"s":"\`, `{"s":"\"}`, `{"s":"x`, `{"s":"a\`, `{"s":"\u004`,
	"{\"s\":\"\x80\"}", "{\"s\":\"\xc3\"}", "{\"s\":\"\xc3\xa9\"}", "{\"s\":\"\xc0\x80\"}", "{\"s\":\"\xed\xa0\x80\"}", "{\"s\":\"\xf4\x90\x80\x80\"}", "{\"s\":\"\xff\"}", "{\"s\":\"\xe2\x82\\u00ac\"}", "{\"s\":\"\\n\xe2\x82\"}", "{\"s\":\"\\n\xe2\x82\xac\"}", "{\"s\":\"12345678\xe2\x82\xac12345678\xff12345678\"}", "{\"x\":\"\xff\"}", "{\"\xff\":1}", "{\"x\":{\"\xff\":1}}",
	"{\"s\":\"\x01\"}", "{\"s\":\"a\nb\"}", "{\"s\":\"\x7f\"}", "{\"s\":\"12345678\x1f\"}", "{\"s\":\"é12345678\x1f\"}", "{\"s\":\"\\n\x1f\"}",
	`{"x":[[[[1]]]]}`, `{"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, `{"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, `{"x":` + strings.Repeat(`{"a":`, 63) + `1` + strings.Repeat("}", 63) + `}`, `{"x":` + strings.Repeat(`{"a":`, 64) + `1` + strings.Repeat("}", 64) + `}`, `{"x":[{},[],{"a":[]}]}`, `{"x":[1,2`, `{"x":[1 2]}`, `{"x":[,]}`, `{"x":[1,]}`, `{"x":{"a":1,}}`, `{"x":{"a" 1}}`, `{"x":{1:1}}`,
	`{"x":[1,2,3,4,5,6,7,8,9,10]}`, `{"x":[1,2,3,4,5,6,7,8,9,10,11]}`, `{"l":["1","2","3","4","5","6","7","8","9","10"]}`, `{"l":["1","2","3","4","5","6","7","8","9","10","11"]}`,
	`{"guards":[{"code":"A","outcome":"red"}],"id":"x"}`, `{"guards":null}`, `{"guards":[],"guards":[]}`, `{"Guards":[]}`, `{"guards":{"a":1,"A":2}}`, `{"guards": "x" }`, `{"guards":}`,
	`{"id":"e1","card":{"bin":"411111","codes":["A"],"age_days":3,"expired":null},"device":{"lat":-33.5,"lon":0}}`, `{"id":"e1","original_network_data":{"tokenRequestorID":"1","a":[{"b":{}}]},"card":{"colour":"red","bin":"4"}}`, `{"crad":{}}`, `{"card":{"statsu":"x"}}`, `{"card.status":"lost"}`, `{"CARD.STATUS":"lost"}`,
}

func TestDecoderAgreesWithTheTree(t *testing.T) {
	taken := map[string]int{}
	for _, w := range ways(t) {
		bodies := append(append(slices.Clone(texts), good...), manyNames(14, ""), manyNames(17, ""), manyNames(40, ""), manyNames(40, "Name_7_ſuffix"), manyNames(12, "NAME_7_SUFFIX"), manyNames(40, `name_7\u005fsuffix`))
		for _, text := range bodies {
			if w.agree(t, []byte(text)) {
				taken[w.name]++
			}
			// Cut anywhere, a text is refused in the same words.
			for cut := range min(len(text), 60) {
				w.agree(t, []byte(text[:cut]))
			}
		}
	}
	for _, w := range ways(t) {
		if taken[w.name] < 5 {
			t.Errorf("%s: only %d texts are taken", w.name, taken[w.name])
		}
	}
}

// TestDecoderAgreesNearTheEnd cuts an event anywhere and closes it in many ways, as the
// decoder reads eight bytes at once where they are there.
func TestDecoderAgreesNearTheEnd(t *testing.T) {
	w := &ways(t)[0]
	taken := 0
	for cut := range len(event970) + 1 {
		for _, end := range []string{"", "}", "}}", `"}`, `"}}`, `"]}}`, `0}}`, `null}}`, `"x"}}`, `"x"},"sandbox":true}`, `e}}`, `"}` + strings.Repeat(" ", 40) + "}", `,"sandbox":true}`} {
			if w.agree(t, []byte(event970[:cut]+end)) {
				taken++
			}
		}
	}
	if taken < 300 {
		t.Errorf("only %d texts are taken", taken)
	}
}

// manyNames has an unknown object of n names, and one more.
func manyNames(n int, more string) string {
	var b strings.Builder
	b.WriteString(`{"x":{`)
	for i := range n {
		fmt.Fprintf(&b, `"name_%d_suffix":[%d],`, i, i)
	}
	fmt.Fprintf(&b, `%q:{"name_1_suffix":1}}}`, more)
	return strings.ReplaceAll(b.String(), `\\u`, `\u`)
}

// TestDecoderAgreesOnDamagedEvents changes bytes of good events, at random from a
// fixed seed.
func TestDecoderAgreesOnDamagedEvents(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 3))
	bits := []string{`"`, `\`, `{`, `}`, `[`, `]`, `,`, `:`, ` `, "\n", "\x00", "\x80", "é", "ſ", "K", `\u0073`, `\ud800`, "0", "9", "-", ".", "e", "s", "S", "k", "K", "null", "true", `"s":1,`, `"x":{},`, `{"a":1,"A":2}`}
	all := ways(t)
	taken, rounds := 0, 15_000
	if os.Getenv("ISSUANT_SOAK") != "" {
		rounds = 5_000_000
	}
	for range rounds {
		w := &all[r.IntN(len(all))]
		body := texts[r.IntN(len(texts))]
		if r.IntN(3) == 0 {
			body = good[r.IntN(len(good))]
		}
		for range r.IntN(3) {
			at := r.IntN(len(body) + 1)
			end := min(len(body), at+r.IntN(3))
			body = body[:at] + bits[r.IntN(len(bits))] + body[end:]
		}
		if w.agree(t, []byte(body)) {
			taken++
		}
	}
	if taken < 1000 {
		t.Errorf("only %d events were taken", taken)
	}
}

var good = []string{
	`{"s":"text","i":-12,"f":1.25,"b":true,"t":"2026-11-23T10:00:00Z","l":["a","b"],"k":{"s":"\u00e9","i":9007199254740993,"f":-1e-7,"b":false,"t":"2026-11-23T10:00:00.5+01:00","l":[]},"sixskeys":1,"seventeenkeyskeys":2}`,
	`{"id":"e1","at":"2026-11-23T10:00:00Z","kind":"provision","card":{"bin":"411111","last4":"1111","codes":["FRB","BNB"],"age_days":120,"expired":false},"wallet":{"device_score":5,"reasons":[]},"device":{"lat":52.52,"lon":13.4,"os":"ios"},"guards":[]}`,
	`{ "x" : { "name" : [ 1 , { "deep" : "é\n" } ] , "other" : null } , "s" : "x" , "k" : { "y" : "z" , "i" : 3 } }`,
}

// FuzzDecoder holds the decoder against the tree, encoding/json and itself.
func FuzzDecoder(f *testing.F) {
	for _, s := range append(texts, good...) {
		f.Add([]byte(s))
	}
	all := ways(f)
	var some []string
	for i, name := range small.Names() {
		if i%2 == 0 {
			some = append(some, name)
		}
	}
	projected := newDecoder(f, small, rules.DecoderOptions{Fields: some})
	f.Fuzz(func(t *testing.T, body []byte) {
		for i := range all {
			if all[i].agree(t, body) && all[i].name == "small" {
				sameAsEncodingJSON(t, body, all[i].dst)
				compareProjected(t, projected, some, body, all[i].dst)
			}
		}
	})
}

// sameAsEncodingJSON compares with a struct that encoding/json fills, which knows no
// nulls for facts and no bounds.
func sameAsEncodingJSON(t *testing.T, body []byte, got *rules.Facts) {
	t.Helper()
	type group struct {
		S *string
		I *int64
		F *float64
		B *bool
		T *string // a time.Time of encoding/json reads no escapes
		L *[]string
	}
	var want struct {
		group
		K group
	}
	if err := json.Unmarshal(body, &want); err != nil {
		t.Fatalf("%q is taken; encoding/json: %v", body, err)
	}
	for prefix, g := range map[string]group{"": want.group, "k.": want.K} {
		v := reflect.ValueOf(g)
		for i := range v.NumField() {
			name := prefix + strings.ToLower(v.Type().Field(i).Name)
			fact := got.Get(name)
			if v.Field(i).IsNil() != (fact == nil) {
				t.Fatalf("%q: %s is %v, encoding/json says %v", body, name, fact, v.Field(i))
			}
			if fact == nil {
				continue
			}
			value := v.Field(i).Elem().Interface()
			if strings.HasSuffix(name, "t") {
				at, err := time.Parse(time.RFC3339Nano, value.(string))
				if err != nil {
					t.Fatalf("%q: %v", body, err)
				}
				value = at.UTC()
			}
			if !reflect.DeepEqual(fact, value) {
				t.Fatalf("%q: %s is %#v, encoding/json says %#v", body, name, fact, value)
			}
		}
	}
}

func compareProjected(t *testing.T, d *rules.Decoder, some []string, body []byte, all *rules.Facts) {
	t.Helper()
	f := new(rules.Facts)
	if _, err := d.Decode(f, body); err != nil {
		t.Fatalf("%q: read whole it is taken, in part not: %v", body, err)
	}
	for _, name := range small.Names() {
		want := all.Get(name)
		if !slices.Contains(some, name) {
			want = nil
		}
		if got := f.Get(name); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %s is %#v, want %#v", body, name, got, want)
		}
	}
}

func TestProjectionIsAsStrict(t *testing.T) {
	d := newDecoder(t, small, rules.DecoderOptions{Fields: []string{"k.s", "i"}})
	w := way{"projected", small, rules.DecoderOptions{}, d, new(rules.Facts)}
	for _, text := range texts {
		_, _, wantErr := oracle(small, rules.DecoderOptions{}, []byte(text))
		_, err := d.Decode(w.dst, []byte(text))
		if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Errorf("%q: in part: %v; whole: %v", text, err, wantErr)
		}
	}
	if _, err := d.Decode(w.dst, []byte(good[0])); err != nil || string(w.dst.AppendJSON(nil, nil)) != `{"k":{"s":"é"},"i":-12}` {
		t.Errorf("%s, %v", w.dst.AppendJSON(nil, nil), err)
	}
}

func TestDecoderRefusesOptions(t *testing.T) {
	for _, opt := range []rules.DecoderOptions{
		{Fields: []string{"card.colour"}}, {Fields: []string{"card"}}, {Reserved: "Guards"}, {Reserved: "a.b"},
		{MaxBytes: -1}, {MaxDepth: 1025}, {MaxDepth: -1}, {MaxValues: -1},
	} {
		if d, err := rules.NewDecoder(rules.EventV1(), opt); d != nil || !errors.Is(err, rules.ErrDecoder) || code.Of(err) != code.Decoder {
			t.Errorf("%+v: %v", opt, err)
		}
	}
}

// TestDecodeAllocatesNothing holds for every body that is taken: escapes, lists,
// unknown objects, wide names.
func TestDecodeAllocatesNothing(t *testing.T) {
	for _, w := range ways(t) {
		for _, text := range append(slices.Clone(texts), append(good, manyNames(100, "é"))...) {
			body := []byte(text)
			if _, err := w.d.Decode(w.dst, body); err != nil {
				continue
			}
			if n := testing.AllocsPerRun(5, func() {
				if _, err := w.d.Decode(w.dst, body); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%s: %.80q: %v allocations", w.name, text, n)
			}
		}
	}
}

// TestHostileEventsAreRefusedWithinBounds gates what a refusal may allocate: the
// copy of a text that is within MaxBytes, the tree's record of what stands before
// the mistake, and nothing for what is too long.
func TestHostileEventsAreRefusedWithinBounds(t *testing.T) {
	many := strings.Repeat(`"",`, rules.MaxListFact)
	for name, c := range map[string]struct {
		text  string
		bytes uint64
		want  string
	}{
		"10 MiB":         {`{"id":"` + strings.Repeat("x", 10<<20) + `"}`, 8 << 10, "json: offset 1048576: longer than 1048576 bytes"},
		"100,000 deep":   {`{"card":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}", 512 << 10, "deeper than 64 containers"},
		"deep and known": {`{"guards":` + strings.Repeat(`{"a":`, 100_000) + strings.Repeat("}", 100_000) + "}", 1 << 20, "deeper than 64 containers"},
		"10 MiB deep":    {strings.Repeat(`{"card":`, 10<<20/8), 8 << 10, "longer than"},
		"many values":    {`{"guards":[` + strings.Repeat("0,", 200_000) + "0]}", 32 << 20, "more than 131072 values"},
		"many items":     {`{"card":{"codes":[` + many + `""]}}`, 1 << 20, "has more than 256 items"},
		"many names":     {`{"guards":{` + numbered(60_000) + `"a":1,"A":2}}`, 64 << 20, "differs from another only in case"},
		"a long number":  {`{"schema":` + strings.Repeat("1", 1<<19) + "}", 2 << 20, "number of more than 1024 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			d, f := rules.EventV1().EventDecoder(), rules.NewFacts(rules.EventV1())
			body := []byte(c.text)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := d.Decode(f, body)
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 1000 {
				t.Fatalf("%.300v", err)
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > c.bytes {
				t.Errorf("%d bytes were allocated, more than %d", got, c.bytes)
			}
		})
	}
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"n%d":0,`, i)
	}
	return b.String()
}

// TestDecodedTextsLiveAsPromised: facts of Decode follow the body, clones and facts
// of DecodeNew do not.
func TestDecodedTextsLiveAsPromised(t *testing.T) {
	d := newDecoder(t, small, rules.DecoderOptions{})
	text := good[0]
	body := []byte(text)
	f := rules.NewFacts(small)
	if _, err := d.Decode(f, body); err != nil {
		t.Fatal(err)
	}
	want := string(f.AppendJSON(nil, nil))
	clone := f.Clone()
	lasting, _, err := d.DecodeNew(text)
	if err != nil {
		t.Fatal(err)
	}
	other := lasting.Clone()
	if _, err := d.Decode(lasting, []byte(`{"s":"zz\n","l":["q\n","r\t"]}`)); err != nil { // over its own memory
		t.Fatal(err)
	}
	for i := range body {
		body[i] = '#'
	}
	if s, _ := f.StringAt(0); s != "####" {
		t.Errorf("a text of the body was copied: %q", s)
	}
	if _, err := d.Decode(f, []byte(`{"k":{"s":"\u0000\u0000"},"l":["\t","\t"]}`)); err != nil {
		t.Fatal(err)
	}
	for name, g := range map[string]*rules.Facts{"clone": clone, "clone of lasting facts": other} {
		if got := string(g.AppendJSON(nil, nil)); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

// TestDecoderResetsWhatFactsHeld: nothing of one event is seen in the next.
func TestDecoderResetsWhatFactsHeld(t *testing.T) {
	d := newDecoder(t, small, rules.DecoderOptions{})
	f := rules.NewFacts(rules.EventV1()) // of another schema
	for _, text := range []string{good[0], `{}`, good[0], `{"s":1}`} {
		_, err := d.Decode(f, []byte(text))
		got := string(f.AppendJSON(nil, nil))
		if f.Schema() != small || (text != good[0] || err != nil) && got != "{}" {
			t.Errorf("%s leaves %s", text, got)
		}
	}
}

// TestOrderOfMembersNeverMatters: a decoder expects the order of the event before,
// and decoders may take turns with one Facts.
func TestOrderOfMembersNeverMatters(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	all := ways(t)
	shared := new(rules.Facts)
	parts := strings.SplitAfter(`"s":"text",|"i":-12,|"f":1.25,|"b":true,|"t":"2026-11-23T10:00:00Z",|"l":["a"],|"sixskeys":1,|"seventeenkeyskeys":2,|"sixteen_skeyskey":4,|"k":{"i":1,"s":"x"},|"k":{"s":"x","i":1,"f":2},|"k":{},|"x":{"s":1,"i":2},|"S":1,`, "|")
	for range 4000 {
		body := "{"
		for _, i := range r.Perm(len(parts))[:1+r.IntN(6)] {
			body += strings.TrimSuffix(parts[i], "|")
		}
		body = strings.TrimSuffix(body, ",") + "}" + strings.Repeat(" ", r.IntN(40))
		w := &all[2+r.IntN(3)] // those of schema small
		w.dst = shared
		w.agree(t, []byte(body))
	}
}

// TestDecoderIsSafeForConcurrentUse shares one decoder.
func TestDecoderIsSafeForConcurrentUse(t *testing.T) {
	done := make(chan error)
	for g := range 4 {
		go func() {
			f := new(rules.Facts)
			for i := range 300 {
				_, err := small.EventDecoder().Decode(f, fmt.Appendf(nil, `{"i":%d,"s":"\u0041%d","l":["%d"]}`, i, g, i))
				if n, _ := f.IntAt(1); err != nil && n != int64(i) {
					done <- fmt.Errorf("%d: %v", n, err)
					return
				}
			}
			done <- nil
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
