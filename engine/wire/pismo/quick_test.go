package pismo_test

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/issuant/issuant/engine/wire/pismo"
)

// sameAsTree decodes a body in both ways, into memory that is used again, and tells whether
// one pass was enough.
func sameAsTree(tb testing.TB, c *pismo.Codec, body []byte) (quick bool) {
	tb.Helper()
	got, err := pismo.DecodeBody(c, body)
	want, quick, wantErr := pismo.DecodeSlowly(c, body)
	if err != nil || wantErr != nil {
		if quick || err == nil || wantErr == nil || err.Error() != wantErr.Error() {
			tb.Fatalf("%q\ngot  %v\nwant %v", body, err, wantErr)
		}
		return quick
	}
	if g, w := string(got.Event.AppendJSON(nil)), string(want.Event.AppendJSON(nil)); g != w {
		tb.Fatalf("%q\ngot  %s\nwant %s", body, g, w)
	}
	if got.UnknownFields != want.UnknownFields || !reflect.DeepEqual(got.Event.Guards, want.Event.Guards) {
		tb.Fatalf("%q\ngot  %d, %v\nwant %d, %v", body, got.UnknownFields, got.Event.Guards, want.UnknownFields, want.Event.Guards)
	}
	c.Recycle(got.Room)
	c.Recycle(want.Room)
	return quick
}

// What senders really send needs one pass; a body that is damaged anywhere is read as
// the tree reads it.
func TestOnePassSaysWhatTheTreeSays(t *testing.T) {
	c := newCodec(t, func(cfg *pismo.Config) { cfg.TrustedFindings = true })
	quick := 0
	for _, body := range vectorBodies(t) {
		if sameAsTree(t, c, []byte(body)) {
			quick++
		}
	}
	if quick < 60 {
		t.Errorf("one pass was enough for %d of the vectors", quick)
	}
	r := rand.New(rand.NewPCG(1, 2))
	tokens := []string{`"`, `\`, `,`, `:`, `{`, `}`, `[`, `]`, ` `, "\n", "\x01", "é", "\xff", `0`, `-`, `1.5e3`, `null`, `true`, `""`, `"a"`, `{}`, `[]`,
		`["01","0G",7]`, `"4111111111111111"`, `4111111111111111`, `"deviceID":"x",`, `"deviceId":"y",`, `"DeviceID":"z",`, `"new":1,`, `"token_id":7,`}
	quick = 0
	for _, whole := range append(wholeRequests(t), body(`"FRB","BNB"`)) {
		var tight bytes.Buffer
		tight.WriteString(whole)
		for range 1000 {
			text := tight.String()
			from := r.IntN(len(text))
			to := min(len(text), from+r.IntN(3)*r.IntN(12))
			if sameAsTree(t, c, []byte(text[:from]+tokens[r.IntN(len(tokens))]+text[to:])) {
				quick++
			}
		}
	}
	if quick < 250 {
		t.Errorf("one pass was enough for %d of the damaged bodies", quick)
	}
}

func TestWholeRequestsNeedOnePass(t *testing.T) {
	c := newCodec(t)
	for _, body := range append(plainRequests(t), body(``), body(`"FRB","BNB"`), strings.ReplaceAll(body(``), ",", " ,\r\n\t")) {
		if !sameAsTree(t, c, []byte(body)) {
			t.Errorf("the tree was needed for %s", body)
		}
	}
}

// Which name is guessed to come next changes nothing: members in two orders in turns, with
// a blank before the colon, without one of them, and cut off anywhere.
func TestGuessedNamesChangeNothing(t *testing.T) {
	c := newCodec(t)
	const one = `{"token_id":1,"network_brand":"vts","card":{"id":7,"type":"PLASTIC","bin":"411111"},"custom_codes":[],"original_network_data":{"panSource":"KEY_ENTERED","locale":"en_US"}}`
	const other = `{"network_brand":"vts","token_id":1,"custom_codes":[],"card":{"bin":"411111","id":7,"type":"PLASTIC"},"original_network_data":{"locale":"en_US","panSource":"KEY_ENTERED"}}`
	const blank = `{"network_brand" :"vts","token_id":1,"custom_codes":[],"card":{"bin":"411111","id" :7,"type":"PLASTIC"},"original_network_data":{"locale":"en_US"}}`
	for range 3 {
		for _, body := range []string{one, other, blank, one, blank, other, other} {
			if !sameAsTree(t, c, []byte(body)) {
				t.Errorf("the tree was needed for %s", body)
			}
			sameAsTree(t, c, []byte(strings.Replace(body, `"locale"`, `"panSource"`, 1)))
		}
	}
	for n := range len(one) {
		sameAsTree(t, c, []byte(one[:n]))
	}
}

// plainRequests are the whole requests of which nothing was decrypted.
func plainRequests(t *testing.T) []string {
	list := slices.DeleteFunc(wholeRequests(t), func(s string) bool {
		return strings.Contains(s, "primaryAccountNumber") || strings.Contains(s, `"accountNumber"`)
	})
	if len(list) != 2 {
		t.Fatalf("%d requests", len(list))
	}
	return list
}

// Decoding a request of a network's many fields takes few pieces of memory: the copy of
// the body, the event with its columns (4), its own texts, a text in lower case.
func TestDecodeAllocatesLittle(t *testing.T) {
	if underRace {
		t.Skip("allocations tell nothing under the race detector")
	}
	c := newCodec(t)
	m := message(t, plainRequests(t)[0])
	if n := testing.AllocsPerRun(100, func() {
		if _, err := c.Decode(m); err != nil {
			t.Fatal(err)
		}
	}); n > 8 {
		t.Errorf("%v pieces of memory", n)
	}
}
