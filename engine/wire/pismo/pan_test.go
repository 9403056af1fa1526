package pismo_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/issuant/issuant/engine/wire/pismo"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/vectorfile"
)

const plantedPAN = "4111111111111111"

// Wherever a card number stands in a request, as a string, a number, with blanks,
// within a text or as a name, its digits are neither in the event nor in an error.
func TestNoPlaceLetsACardNumberThrough(t *testing.T) {
	c := newCodec(t, func(cfg *pismo.Config) { cfg.TrustedFindings = true })
	planted := 0
	for _, text := range wholeRequests(t) {
		for _, pan := range []any{plantedPAN, json.Number(plantedPAN), "4111 1111 1111 1111", "4111-1111-1111-1111", "a" + plantedPAN + "b", "0" + plantedPAN + "0"} {
			plant(t, text, pan, func(body, place string) {
				planted++
				d, err := pismo.DecodeBody(c, []byte(body))
				out := ""
				if err != nil {
					out = err.Error()
				} else {
					out = string(d.Event.AppendJSON(nil))
				}
				if squeezed := strings.NewReplacer(" ", "", "-", "").Replace(out); strings.Contains(squeezed, plantedPAN) {
					t.Errorf("%s holds the card number: %s", place, out)
				}
			})
		}
	}
	if planted < 500 {
		t.Errorf("only %d places were tried", planted)
	}
}

// wholeRequests are the vectors that carry whole network data.
func wholeRequests(t *testing.T) []string {
	t.Helper()
	f := vectorfile.Load(t, "/testdata/vectors/pismo_codec.json")
	var list []string
	for i := range f.Cases {
		switch f.Cases[i].ID {
		case "vts-full", "mdes-full", "vts-decrypted", "mdes-decrypted":
			var in decodeInput
			vectorfile.Into(t, f.Cases[i].Input, &in)
			list = append(list, in.Body)
		}
	}
	if len(list) != 4 {
		t.Fatalf("%d of 4 whole requests are there", len(list))
	}
	return list
}

// plant puts v into each place of a JSON text in turn: in place of each scalar,
// and as the value and the name of a new member of each object.
func plant(t *testing.T, text string, v any, try func(body, place string)) {
	t.Helper()
	var root any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&root); err != nil {
		t.Fatal(err)
	}
	emit := func(place string) {
		b, err := json.Marshal(root)
		if err != nil {
			t.Fatal(err)
		}
		try(string(b), place)
	}
	var walk func(node any, at string)
	walk = func(node any, at string) {
		switch node := node.(type) {
		case map[string]any:
			for name, old := range node {
				walk(old, at+"/"+name)
				node[name] = v
				emit(at + "/" + name)
				node[name] = old
			}
			node["new_member"] = v
			emit(at + "/new_member")
			delete(node, "new_member")
			if s, ok := v.(string); ok {
				node[s] = 1
				emit(at + " as a name")
				delete(node, s)
			}
		case []any:
			for i, old := range node {
				walk(old, at+"/[]")
				node[i] = v
				emit(at + "/[]")
				node[i] = old
			}
		}
	}
	walk(root, "")
}

// Digits have other forms than ASCII's: full-width, Arabic, ...
func TestACardNumberInOtherDigitsDoesNotPass(t *testing.T) {
	c := newCodec(t)
	for _, pan := range []string{"４１１１１１１１１１１１１１１１", "٤١١١١١١١١١١١١١١١"} {
		for _, text := range wholeRequests(t) {
			plant(t, text, pan, func(body, place string) {
				d, err := pismo.DecodeBody(c, []byte(body))
				if err == nil && strings.Contains(string(d.Event.AppendJSON(nil)), pan) {
					t.Errorf("%s holds the card number: %s", place, d.Event.AppendJSON(nil))
				}
			})
		}
	}
}

func TestACardNumberUnderAnUnknownBrandBecomesTheReference(t *testing.T) {
	c := newCodec(t)
	const with = `{"card":{"id":1,"type":"PLASTIC"},"token_id":1,"network_brand":"elo","original_network_data":{"x":"4111111111111111"}}`
	ev := decode(t, c, with).Event
	if ev.Text("card.last4") != "1111" || strings.Contains(string(ev.AppendJSON(nil)), plantedPAN) {
		t.Errorf("%s", ev.AppendJSON(nil))
	}
}

// FuzzDecode: whatever Pismo signs, Decode does not panic, its errors have a code,
// and no digits of the body that read as a card number are in the event.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(body(`"FRB","BNB"`)))
	f.Add([]byte(`{"card":{"id":134142,"type":"PLASTIC"},"combo_card":null,"token_id":4111111111111111,"network_brand":"mdes"}`))
	f.Add([]byte(strings.Replace(body(``), `"HCE"`, `"HCE","numberOfActiveTokensForPAN":"3"},"deviceInfo":{"deviceID":"4111 1111 1111 1111","deviceLocation":"+37/-121","deviceIPAddressV4":"1.2.3.4"`, 1)))
	f.Add([]byte(strings.Replace(body(``), `"vts"`, `"mdes"`, 1)))
	f.Add([]byte(`{"a":1,"A":2}`))
	f.Add([]byte(``))
	for _, c := range vectorBodies(f) {
		f.Add([]byte(c))
	}
	codec := newCodec(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 1<<20 {
			t.Skip("longer than what a verifier takes")
		}
		sameAsTree(t, codec, body)
		d, err := pismo.DecodeBody(codec, body)
		out := ""
		if err != nil {
			if code.Of(err) != code.Decode {
				t.Fatalf("code %s: %v", code.Of(err), err)
			}
			out = err.Error()
		} else {
			out = string(d.Event.AppendJSON(nil))
		}
		for _, run := range digitRuns(string(body)) {
			if strings.Contains(out, run) {
				t.Errorf("%s is in %s", run, out)
			}
		}
	})
}

func vectorBodies(tb testing.TB) []string {
	f := vectorfile.Load(tb, "/testdata/vectors/pismo_codec.json")
	var list []string
	for i := range f.Cases {
		var in decodeInput
		vectorfile.Into(tb, f.Cases[i].Input, &in)
		list = append(list, in.Body)
	}
	return list
}

// digitRuns returns the runs of 13 to 19 digits with a right check digit.
func digitRuns(s string) []string {
	var runs []string
	for _, run := range strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		if len(run) >= 13 && len(run) <= 19 && checkDigit(run) {
			runs = append(runs, run)
		}
	}
	return runs
}

func checkDigit(run string) bool {
	sum := 0
	for i := range len(run) {
		d := int(run[len(run)-1-i] - '0')
		if i%2 == 1 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return sum%10 == 0
}
