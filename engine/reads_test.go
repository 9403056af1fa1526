package engine_test

import (
	"bytes"
	"math/rand"
	"slices"
	"testing"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/starter"
)

// projection decodes with the fields that an engine reads, and no others.
func projection(t *testing.T, e *engine.Engine) *rules.Decoder {
	t.Helper()
	d, err := rules.NewDecoder(e.Pack().Schema(), rules.DecoderOptions{Fields: e.Reads(), Reserved: "guards"})
	ok(t, d, err)
	return d
}

// decidesAlike compares decision, explanation and card of a whole event with those of
// its projection.
func decidesAlike(t *testing.T, e *engine.Engine, d *rules.Decoder, ev *engine.Event) {
	t.Helper()
	part, _, err := d.DecodeNew(string(ev.AppendJSON(nil)))
	ok(t, part, err)
	in := &engine.Event{Facts: part, Guards: ev.Guards}
	a, b := e.Decide(ev, enginetest.Now()).AppendJSON(nil), e.Decide(in, enginetest.Now()).AppendJSON(nil)
	if !bytes.Equal(a, b) {
		t.Fatalf("%s\nwhole      %s\nprojection %s", ev.AppendJSON(nil), a, b)
	}
	a, b = e.Explain(ev, enginetest.Now()).AppendJSON(nil), e.Explain(in, enginetest.Now()).AppendJSON(nil)
	if !bytes.Equal(a, b) {
		t.Fatalf("%s\nwhole      %s\nprojection %s", ev.AppendJSON(nil), a, b)
	}
	for _, form := range []engine.CardForm{engine.CardRef, engine.CardBIN} {
		if engine.CardOf(ev, form) != engine.CardOf(in, form) {
			t.Fatalf("%s: another card in the record", ev.AppendJSON(nil))
		}
	}
}

// TestReadsIsAllThatDecides: on every case of the starter pack, and over generated
// packs and events.
func TestReadsIsAllThatDecides(t *testing.T) {
	pack, err := starter.Pack()
	ok(t, pack, err)
	e, err := engine.New(pack, engine.Options{})
	ok(t, e, err)
	files, err := compile.Tests(starter.FS(), pack)
	ok(t, files, err)
	d, cases := projection(t, e), 0
	for _, f := range files {
		for _, c := range f.Cases {
			cases++
			decidesAlike(t, e, d, &engine.Event{Facts: c.Event})
		}
	}
	if reads := e.Reads(); cases < 100 || len(reads) >= pack.Schema().Len() || !slices.Contains(reads, "card.last4") || slices.Contains(reads, "label.kind") {
		t.Errorf("%d cases, reads %v", cases, reads)
	}
	for seed := range int64(25) {
		g := generator{rand.New(rand.NewSource(seed))}
		e := compiled(t, g.head(false, false), []string{g.rule("A", false), g.rule("B", false), g.rule("C", false)})
		d := projection(t, e)
		for range 10 {
			decidesAlike(t, e, d, g.event())
		}
	}
}
