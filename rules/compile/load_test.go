package compile_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/compile/compiletest"
)

const largePack = `
name: large
version: "2"
default: yellow
hit: score
on_error: orange
on_missing: error
green_requires: [card.status]
thresholds: {yellow: 30, orange: 60, red: 90}
step_up: [call, sms]
tenured_days: 10
no_step_up: red
sections: [{name: cof, when: token.type == "cof", no_step_up: green}]
params:
  limit: {value: 5, min: 1, max: 9, unit: cards, doc: how many}
  share: {value: 0.25, type: float, min: 0, max: 1}
  name: {value: x}
  on: {value: true}
lists: {deny: {file: lists/deny.csv}, live: {doc: set at run time}}
limits: {max_cost: 500000}
owner: fraud
doc: every key
`

const largeRules = `
- id: A
  effect: score
  weight: 40
  when: vel.cards_device_24h > param("limit") or vel.decline_rate_bin_10m > param("share")
  why: a
- id: B
  effect: red
  action_code: "14"
  when: card.ref in list("deny") or card.ref in list("live") or param("on") and card.program == param("name")
  why: b
  say: sorry
  reason: LISTED
  on_missing: hit
  step_up: [app]
  require: [sca, no_app]
  shadow: {until: 2027-01-01}
  percent: 50
  source: [one, two]
  owner: me
  since: 2026-01-02
  version: "7"
`

func largeFiles() fstest.MapFS {
	files := pack(largePack, largeRules)
	files["lists/deny.csv"] = &fstest.MapFile{Data: []byte("value,expires,note\nk1:a,,\nk1:b,2026-12-01,until then\n")}
	return files
}

func mustCompile(tb testing.TB, files fstest.MapFS) *rules.Pack {
	tb.Helper()
	p, err := compile.FS(files, compile.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestEncodeLoadEncodeGivesTheSameBytes(t *testing.T) {
	p := mustCompile(t, largeFiles())
	b := p.Encode()
	q, err := compile.Load(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(q.Encode(), b) || p.ID() != q.ID() {
		t.Error("the pack changed on its way through the binary form")
	}
	if q.Schema() != rules.EventV1() {
		t.Error("the loaded pack does not share the canonical schema, so that events of codecs would not fit")
	}
	f := rules.NewFacts(q.Schema())
	if err := f.Set("card.ref", "k1:b"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		now  time.Time
		want rules.Truth
	}{{time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC), rules.True}, {time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), rules.Unknown}} {
		if got := q.Verdicts(f, tc.now)[1].Truth; got != tc.want {
			t.Errorf("at %v: %v, want %v", tc.now, got, tc.want)
		}
	}
}

// resealed returns the bytes with a digest that fits, as a forger would send them.
func resealed(b []byte) []byte {
	body := b[:len(b)-sha256.Size]
	sum := sha256.Sum256(body)
	return append(bytes.Clone(body), sum[:]...)
}

func TestLoadRefusesDamage(t *testing.T) {
	good := mustCompile(t, largeFiles()).EncodeSource()
	flip := func(i int) []byte { b := bytes.Clone(good); b[i] ^= 1; return b }
	replace := func(old, with string) []byte {
		return resealed(bytes.Replace(good, []byte(old), []byte(with), 1))
	}
	for name, tc := range map[string]struct {
		b    []byte
		want code.Code
	}{
		"empty":             {nil, code.PackFile},
		"magic":             {flip(0), code.PackFile},
		"format":            {flip(9), code.Version},
		"middle":            {flip(len(good) / 2), code.PackFile},
		"trailer":           {flip(len(good) - 1), code.PackFile},
		"cut":               {good[:len(good)-40], code.PackFile},
		"flags":             {resealed(flip(11)), code.PackFile},
		"manifest length":   {resealed(flip(15)), code.PackFile},
		"green on_error":    {replace(`"on_error":"orange"`, `"on_error":"green" `), code.PackFile},
		"unknown effect":    {replace(`"effect":"red"`, `"effect":"tan"`), code.PackFile},
		"weight":            {replace(`"weight":40`, `"weight":-4`), code.PackFile},
		"condition":         {replace(`card.ref in list`, `card.rex in list`), code.Compile},
		"condition too big": {replace(`card.ref in list`, `\u0000ard.ref`), code.PackFile},
		"list order":        {replace("k1:a", "k1:c"), code.PackFile},
		"list name":         {resealed(bytes.Replace(good, []byte("\x00\x04deny"), []byte("\x00\x04demy"), 1)), code.PackFile},
		"pan in a list":     {resealed(bytes.Replace(good, []byte("\x00\x04k1:a"), []byte("\x00\x104111111111111111"), 1)), code.List},
	} {
		p, err := compile.Load(tc.b)
		if p != nil || code.Of(err) != tc.want {
			t.Errorf("%s: code %v, want %v (%v)", name, code.Of(err), tc.want, err)
		}
	}
	if _, err := rules.Load(good, nil); !errors.Is(err, rules.ErrNotLowered) {
		t.Errorf("without a compiler: %v", err)
	}
}

// TestLoweredPackNeedsNoCompiler loads format 2 without one, and finds the same verdicts.
func TestLoweredPackNeedsNoCompiler(t *testing.T) {
	schema := compiletest.Schema()
	lowered, foreign := 0, 0
	for seed := range uint64(40) {
		g := compiletest.New(9000 + seed)
		p, err := compile.FS(g.Pack(3, "worst"), compile.Options{Schemas: []*rules.Schema{schema}})
		if err != nil {
			t.Fatal(err)
		}
		b := p.Encode()
		q, err := rules.Load(b, nil)
		if errors.Is(err, rules.ErrNotLowered) {
			foreign++
			if q, err = compile.Load(b); err != nil {
				t.Fatal(err)
			}
		} else if err != nil {
			t.Fatal(err)
		} else {
			lowered++
		}
		if !bytes.Equal(q.Encode(), b) || q.ID() != p.ID() {
			t.Fatal("a loaded pack is written otherwise")
		}
		for range 20 {
			f := g.Facts(schema)
			if got, want := q.Verdicts(f, compiletest.Now), p.Verdicts(f, compiletest.Now); !slices.Equal(got, want) {
				t.Fatalf("seed %d: %v, compiled %v", seed, got, want)
			}
			if got, want := q.Run(f, compiletest.Now), p.Run(f, compiletest.Now); !slices.Equal(got.Notes, want.Notes) || got.Cost != want.Cost {
				t.Fatalf("seed %d: %v, compiled %v", seed, got.Notes, want.Notes)
			}
		}
	}
	if foreign == 0 || lowered == 0 {
		t.Errorf("%d packs lowered, %d not", lowered, foreign)
	}
}

// TestVerifyFindsForgedForms changes what a lowered condition says and leaves its source.
func TestVerifyFindsForgedForms(t *testing.T) {
	good := mustCompile(t, pack(smallPack, "- {id: R, effect: red, why: w, when: 'card.status == \"lost\"'}\n")).Encode()
	if _, err := compile.Verify(good); err != nil {
		t.Fatal(err)
	}
	if bytes.Count(good, []byte("lost")) < 3 {
		t.Fatal("the lowered condition does not stand in the pack")
	}
	first := bytes.Index(good, []byte("\x01\x04lost"))
	forged := resealed(append(append(bytes.Clone(good[:first]), "\x01\x04best"...), good[first+6:]...))
	if p, err := compile.Load(forged); err != nil || p.Manifest().Rules[0].When != `card.status == "lost"` {
		t.Fatalf("the forged pack does not load: %v", err)
	}
	if _, err := compile.Verify(forged); !errors.Is(err, rules.ErrForms) || code.Of(err) != code.PackFile {
		t.Errorf("forged: %v", err)
	}
}

// groupedFiles is a pack whose rules are alike enough to be indexed in groups.
func groupedFiles(n int) fstest.MapFS {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "- {id: A%d, effect: red, why: w, when: 'card.bin == \"4111%02d\" and wallet.device_score < %d'}\n", i, i, i%5)
		fmt.Fprintf(&b, "- {id: B%d, effect: yellow, why: w, when: 'any(card.codes, # in [\"C%d\", \"D\"]) and token.source != \"s%d\"'}\n", i, i, i)
	}
	return pack(smallPack, b.String())
}

// TestLoadRefusesALeafThatCannotBeJudged names as a leaf of a condition one of its fields
// or constants, of which an explanation would make a truth.
func TestLoadRefusesALeafThatCannotBeJudged(t *testing.T) {
	const when = `card.status == "lost"`
	good := mustCompile(t, pack(smallPack, "- {id: R, effect: red, why: w, when: '"+when+"'}\n")).Encode()
	at := bytes.LastIndex(good, []byte(when)) + len(when)
	for node, ok := range map[byte]bool{0: false, 1: true, 2: false, 3: false, 4: false} {
		b := bytes.Clone(good)
		b[at] = node
		if _, err := rules.Load(resealed(b), nil); ok != (err == nil) || !ok && !errors.Is(err, rules.ErrForm) {
			t.Errorf("node %d: %v", node, err)
		}
	}
}

// TestChangedBytesAreRefusedOrStayWithinTheirBounds changes every byte of real packs in
// three ways and seals them again, as a forger would: Load refuses what comes of it with a
// code, or it is a pack that is written as it was read and judges events without a panic.
func TestChangedBytesAreRefusedOrStayWithinTheirBounds(t *testing.T) {
	facts := compiletest.New(1).Facts(rules.EventV1())
	refused, loaded := 0, 0
	for _, files := range []fstest.MapFS{largeFiles(), groupedFiles(13)} {
		good := mustCompile(t, files).Encode()
		step := 7
		if os.Getenv("ISSUANT_SOAK") != "" {
			step = 1
		} else if testing.Short() || underRace {
			step = 29
		}
		for i := 8; i < len(good)-sha256.Size; i += step {
			for _, with := range [...]byte{good[i] ^ 1<<(i&7), good[i] + 1, 0xff} {
				b := bytes.Clone(good)
				b[i] = with
				p, err := rules.Load(resealed(b), nil)
				if err != nil {
					if code.Of(err) == code.Internal {
						t.Fatalf("byte %d as %#x: an error without a code: %v", i, with, err)
					}
					refused++
					continue
				}
				loaded++
				if !bytes.Equal(p.Encode(), resealed(b)) {
					t.Fatalf("byte %d as %#x: the pack is written otherwise", i, with)
				}
				p.Run(facts, compiletest.Now)
				p.Verdicts(facts, compiletest.Now)
				p.Condition(0).Leaves(p.Env(facts, compiletest.Now))
			}
		}
	}
	if t.Logf("%d refused, %d loaded", refused, loaded); min(refused, loaded) < 100 {
		t.Errorf("%d refused, %d loaded", refused, loaded)
	}
}

func FuzzLoad(f *testing.F) {
	good := mustCompile(f, largeFiles()).Encode()
	f.Add(good)
	f.Add(mustCompile(f, largeFiles()).EncodeSource())
	f.Add(mustCompile(f, pack(smallPack, "- {id: R, effect: red, why: w, when: 'true'}\n")).Encode())
	f.Add(good[:100])
	f.Add(patterned(f))
	grouped := mustCompile(f, groupedFiles(30))
	f.Add(grouped.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, try := range [][]byte{b, sealed(b)} {
			p, err := compile.Load(try)
			if err != nil {
				if code.Of(err) == code.Internal {
					t.Fatalf("an error without a code: %v", err)
				}
				continue
			}
			if !bytes.Equal(p.Encode(), try) && !bytes.Equal(p.EncodeSource(), try) {
				t.Fatal("a pack that loads is written otherwise")
			}
			// A forged tree or index may say anything, but it stays within its bounds.
			for seed := range uint64(4) {
				facts := compiletest.New(seed).Facts(p.Schema())
				p.Run(facts, compiletest.Now)
				p.Verdicts(facts, compiletest.Now)
				for i := range min(len(p.Manifest().Rules), 4) {
					p.Condition(i).Leaves(p.Env(facts, compiletest.Now))
				}
			}
		}
	})
}

// sealed gives arbitrary bytes a digest, so that fuzzing gets beyond it.
func sealed(b []byte) []byte {
	if len(b) < sha256.Size {
		return b
	}
	return resealed(b)
}

// TestLoadTakesFewPiecesOfMemory holds Load to what does not grow with every rule: a large
// pack would spend more time on its pieces than on its bytes.
func TestLoadTakesFewPiecesOfMemory(t *testing.T) {
	const n = 1000 // of each kind
	b := mustCompile(t, groupedFiles(n)).Encode()
	got := testing.AllocsPerRun(3, func() {
		if _, err := rules.Load(b, nil); err != nil {
			t.Error(err)
		}
	})
	if t.Logf("%v for %d rules", got, 2*n); got > n {
		t.Errorf("%v pieces of memory for %d rules", got, 2*n)
	}
}
