package host

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/digest"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/compile/compiletest"
	"github.com/issuant/issuant/rules/starter"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/build"
	"github.com/issuant/issuant/wasm/module"
	"github.com/issuant/issuant/wasm/wasmtest"
)

var soak = os.Getenv("ISSUANT_SOAK") != ""

// modules are the real ones, each built once for all tests: "full", or "full accel".
var modules = struct {
	sync.Mutex
	built map[string][]byte
}{built: map[string][]byte{}}

func realModule(t testing.TB, flavour, build string) []byte {
	t.Helper()
	if raced {
		t.Skip("the real module is not compiled under the race detector: it takes minutes")
	}
	b, err := buildReal(flavour, build)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func buildReal(flavour, accel string) ([]byte, error) {
	modules.Lock()
	defer modules.Unlock()
	name := flavour + accel
	if b, ok := modules.built[name]; ok {
		return b, nil
	}
	r, err := build.Guest(context.Background(), build.Options{Root: "../..", Flavour: flavour, Accelerated: accel != ""})
	if err != nil {
		return nil, err
	}
	modules.built[name] = r.Module
	return r.Module, nil
}

// engines are the ways in which the module runs here.
var engines = []struct {
	name, build string
	runtime     Runtime
}{
	{"compiler", "", RuntimeCompiler},
	{"accelerated", "accel", RuntimeCompiler},
	{"interpreter", "", RuntimeInterpreter},
}

func realOptions(t testing.TB, flavour, build string) Options {
	b := realModule(t, flavour, build)
	return Options{Module: b, SHA256: digest.Of(b), CacheDir: cacheDir(), Size: 1, MaxMemory: 512 << 20}
}

// twins are a module in WASM and the same one without: whatever is asked of both must
// be answered with the same bytes.
type twins struct {
	wasm   *instance
	native *module.Module
}

// newTwins opens a pool for its instance alone, which it never gives back.
func newTwins(t testing.TB, flavour, build string, r Runtime) *twins {
	t.Helper()
	opt := realOptions(t, flavour, build)
	opt.Runtime = r
	p := pool(t, opt)
	in, err := p.take(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.give(context.Background(), in) })
	m, err := module.New(module.Options{Flavour: flavour})
	if err != nil {
		t.Fatal(err)
	}
	tw := &twins{in, m}
	if flavour == abi.FlavourFull {
		wasmtest.Native(m, wasmtest.Call{Export: abi.ExportEntropy, Input: []byte(rand.Text() + rand.Text())}) // the pool has given its own
	}
	return tw
}

// ask returns what both answer, and fails where they differ.
func (tw *twins) ask(t testing.TB, export string, handles []uint32, in []byte) (c code.Code, json []byte) {
	t.Helper()
	call := wasmtest.Call{Export: export, Args: handles, Input: in}
	reply := tw.call(t, &call)
	want := wasmtest.Native(tw.native, call)
	if want == nil { // no tray takes it
		want = binary.LittleEndian.AppendUint32(nil, tooLarge.code)
	}
	if !bytes.Equal(reply, want) {
		t.Fatalf("%s of %.300q:\nwasm   %q\nnative %q", export, in, reply, want)
	}
	return code.Code(wasmtest.Code(reply)), reply[abi.CodeBytes:]
}

// call returns the module's reply as package wasmtest has it, code first.
func (tw *twins) call(t testing.TB, c *wasmtest.Call) []byte {
	t.Helper()
	sig := signatures[c.Export]
	args := append(slices.Clone(c.Args), 0, 0)
	var reply []byte
	var err error
	if c.Export == abi.ExportDrop || sig.params == 0 {
		params := []uint64{}
		for _, h := range args[:sig.params] {
			params = append(params, uint64(h))
		}
		reply, err = tw.wasm.reply(t.Context(), c.Export, params...)
	} else {
		reply, err = tw.wasm.send(t.Context(), c.Export, args[:sig.params-1], c.Input)
	}
	var refused *GuestError
	if errors.As(err, &refused) {
		return append(binary.LittleEndian.AppendUint32(nil, refused.code), refused.Reply...)
	} else if err != nil {
		t.Fatalf("%s of %.300q: %v", c.Export, c.Input, err)
	}
	return append(make([]byte, abi.CodeBytes), reply...)
}

// load is ask for a pack or a ring, and returns its handle.
func (tw *twins) load(t testing.TB, export string, content []byte) uint32 {
	t.Helper()
	c, json := tw.ask(t, export, nil, bytes.Clone(content))
	if c != code.OK {
		t.Fatalf("%s: %v %s", export, c, json)
	}
	return handle(t, json)
}

// handle is that of a reply to load or ring.
func handle(t testing.TB, json []byte) uint32 {
	t.Helper()
	var n uint32
	if _, err := fmt.Sscanf(string(json), `{"handle":%d,`, &n); err != nil || n == 0 {
		t.Fatalf("no handle: %s", json)
	}
	return n
}

// TestVectorsThroughEveryRuntime: the vectors of testdata, in machine code, accelerated,
// and in the interpreter, which but in the soak takes some of them.
func TestVectorsThroughEveryRuntime(t *testing.T) {
	calls := wasmtest.Calls(t, abi.FlavourFull)
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			tw := newTwins(t, abi.FlavourFull, e.build, e.runtime)
			for i := range calls {
				c := &calls[i]
				if quick := e.runtime == RuntimeInterpreter && !soak; quick && i > 750 {
					break
				} else if quick && i%20 != 0 && (c.Export == abi.ExportOpen || c.Export == abi.ExportExplain) {
					continue // what loads must be done, since handles count on
				}
				got := tw.call(t, &wasmtest.Call{Export: c.Export, Args: c.Args, Input: bytes.Clone(c.Input)})
				if bytes.Equal(got, c.Want) || c.Sealed && wasmtest.Code(got) == wasmtest.Code(c.Want) {
					continue
				}
				t.Errorf("%s: %s:\ngot  %q\nwant %q", c.ID, c.Export, got, c.Want)
			}
		})
	}
}

// generated are packs with events for each, in their JSON form.
func generated(t testing.TB, packs, events int) (all []judged) {
	t.Helper()
	for seed := uint64(1); len(all) < packs; seed++ {
		hit := []string{"worst", "score", "first"}[seed%3]
		g := compiletest.New(seed)
		p, err := compile.FS(g.Pack(8, hit), compile.Options{Schemas: []*rules.Schema{compiletest.Schema()}})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, judged{p.Encode(), eventsFor(g, p.Schema(), events)})
	}
	p, err := starter.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return append(all, judged{p.Encode(), eventsFor(compiletest.New(99), p.Schema(), events)})
}

type judged struct {
	pack   []byte
	events [][]byte
}

func eventsFor(g *compiletest.Gen, s *rules.Schema, n int) (list [][]byte) {
	for range n {
		ev := engine.Event{Facts: g.Facts(s)}
		list = append(list, ev.AppendJSON(nil))
	}
	return list
}

// TestDecisionsAreThoseOfTheLibrary: 10,000 generated events in machine code, 1,000 in the
// accelerated build and 200 in the interpreter; all of them everywhere in the soak.
func TestDecisionsAreThoseOfTheLibrary(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			packs, events := 19, 500
			switch {
			case soak:
			case e.runtime == RuntimeInterpreter:
				packs, events = 4, 40
			case e.build != "": // decisions use none of the host's functions
				packs, events = 19, 50
			}
			tw := newTwins(t, abi.FlavourFull, e.build, e.runtime)
			decided, outcomes := 0, map[string]int{}
			for _, g := range generated(t, packs, events) {
				h := tw.load(t, abi.ExportLoad, g.pack)
				for i, ev := range g.events {
					in := fmt.Appendf(nil, `{"now_ms":%d,"event":%s}`, compiletest.Now.UnixMilli(), ev)
					export := abi.ExportDecide
					if i%50 == 9 {
						export = abi.ExportExplain
					}
					c, reply := tw.ask(t, export, []uint32{h}, in)
					outcomes[outcome(c, reply)]++
					decided++
				}
				tw.ask(t, abi.ExportDrop, []uint32{h}, nil)
			}
			t.Logf("%d events: %v", decided, outcomes)
			if decided != (packs+1)*events || len(outcomes) < 3 {
				t.Errorf("%d events, outcomes %v: they try too little", decided, outcomes)
			}
		})
	}
}

func outcome(c code.Code, reply []byte) string {
	if c != code.OK {
		return c.String()
	}
	_, rest, _ := bytes.Cut(reply, []byte(`"outcome":"`))
	word, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(word)
}
