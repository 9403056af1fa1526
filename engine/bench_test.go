package engine_test

import (
	"testing"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/starter"
)

func BenchmarkDecide(b *testing.B) {
	pack, err := starter.Pack()
	if err != nil {
		b.Fatal(err)
	}
	e, err := engine.New(pack, engine.Options{})
	if err != nil {
		b.Fatal(err)
	}
	ev := enginetest.CleanPush()
	b.Run("pack=starter", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if d := e.Decide(ev, enginetest.Now()); d.Outcome != rules.Green {
				b.Fatal(d.Outcome)
			}
		}
	})
	b.Run("pack=starter/rules=judged", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if run := pack.Run(ev.Facts, enginetest.Now()); run.Cost == 0 {
				b.Fatal("no verdict")
			}
		}
	})
	b.Run("explain=hits/pack=starter", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, hits := e.ExplainHits(ev, enginetest.Now()); len(hits) == 0 {
				b.Fatal("no hit")
			}
		}
	})
	b.Run("explain/pack=starter", func(b *testing.B) {
		for b.Loop() {
			if x := e.Explain(ev, enginetest.Now()); len(x.Flips) == 0 {
				b.Fatal("no flip")
			}
		}
	})
}
