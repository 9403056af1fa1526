package host

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/compile/compiletest"
	"github.com/issuant/issuant/rules/starter"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/module"
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

func buildReal(flavour, build string) ([]byte, error) {
	modules.Lock()
	defer modules.Unlock()
	name := flavour + build
	if b, ok := modules.built[name]; ok {
		return b, nil
	}
	out := filepath.Join(scratch(), name+".wasm")
	args := []string{"../build.sh", flavour, out}
	if build != "" {
		args = append(args, build)
	}
	if text, err := exec.Command("sh", args...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build.sh %s %s: %w\n%s", flavour, build, err, text)
	}
	b, err := os.ReadFile(out)
	modules.built[name] = b
	return b, err
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
	return Options{Module: b, SHA256: digest(b), CacheDir: cacheDir(), Size: 1, MaxMemory: 512 << 20}
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
		nativeReply(m, abi.ExportEntropy, nil, make([]byte, 64)) // the pool has given its own
	}
	return tw
}

// ask returns what both answer, code included, and fails where they differ.
func (tw *twins) ask(t testing.TB, export string, handles []uint32, in []byte) (c uint32, reply []byte) {
	t.Helper()
	c, reply = tw.askWASM(t, export, handles, in)
	want := nativeReply(tw.native, export, handles, in)
	if want == nil {
		want = binary.LittleEndian.AppendUint32(nil, tooLarge.code)
		reply = nil
	}
	if got := append(binary.LittleEndian.AppendUint32(nil, c), reply...); !bytes.Equal(got, want) {
		t.Fatalf("%s of %.300q:\nwasm   %d %s\nnative %d %s", export, in, c, reply, binary.LittleEndian.Uint32(want), want[4:])
	}
	return c, reply
}

func (tw *twins) askWASM(t testing.TB, export string, handles []uint32, in []byte) (uint32, []byte) {
	t.Helper()
	var reply []byte
	var err error
	if takesNoInput(export) {
		params := []uint64{}
		for _, h := range handles {
			params = append(params, uint64(h))
		}
		reply, err = tw.wasm.reply(t.Context(), export, params...)
	} else {
		reply, err = tw.wasm.send(t.Context(), export, handles, in)
	}
	var refused *GuestError
	if errors.As(err, &refused) {
		return refused.code, refused.Reply
	} else if err != nil {
		t.Fatalf("%s of %.300q: %v", export, in, err)
	}
	return 0, reply
}

func takesNoInput(export string) bool {
	return export == abi.ExportDrop || export == abi.ExportInfo || export == abi.ExportSelftest
}

// nativeReply calls a method as an export, and copies the reply; nil where no tray takes
// the input.
func nativeReply(m *module.Module, export string, handles []uint32, in []byte) []byte {
	n := uint32(len(in))
	tray := m.In(n)
	if tray == nil {
		return nil
	}
	copy(tray, in)
	h := append(handles, 0, 0)
	var reply []byte
	switch export {
	case abi.ExportInfo:
		reply = m.Info()
	case abi.ExportSelftest:
		reply = m.Selftest()
	case abi.ExportLoad:
		reply = m.Load(n)
	case abi.ExportRing:
		reply = m.Ring(n)
	case abi.ExportDecide:
		reply = m.Decide(h[0], n)
	case abi.ExportExplain:
		reply = m.Explain(h[0], n)
	case abi.ExportDecideBatch:
		reply = m.DecideBatch(h[0], n)
	case abi.ExportOpen:
		reply = m.Open(h[0], n)
	case abi.ExportAnswer:
		reply = m.Answer(h[0], h[1], n)
	case abi.ExportEntropy:
		reply = m.Entropy(n)
	case abi.ExportProvision:
		reply = m.Provision(h[0], n)
	case abi.ExportSeal:
		reply = m.Seal(h[0], n)
	case abi.ExportCompile:
		reply = m.Compile(n)
	case abi.ExportDrop:
		reply = m.Drop(h[0])
	default:
		panic("no native twin of " + export)
	}
	return bytes.Clone(reply)
}

// handle is that of a reply to load or ring.
func handle(t testing.TB, c uint32, reply []byte) uint32 {
	t.Helper()
	var n uint32
	if _, err := fmt.Sscanf(string(reply), `{"handle":%d,`, &n); c != 0 || err != nil || n == 0 {
		t.Fatalf("no handle: %d %s", c, reply)
	}
	return n
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
				c, reply := tw.ask(t, abi.ExportLoad, nil, g.pack)
				h := handle(t, c, reply)
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

func outcome(c uint32, reply []byte) string {
	if c != 0 {
		return fmt.Sprint("code ", c)
	}
	_, rest, _ := bytes.Cut(reply, []byte(`"outcome":"`))
	word, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(word)
}
