package host

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/rules/starter"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/wasmtest"
)

// world is what calls of the real module are made of: a pack, a ring, and an input that
// succeeds for each export that decides or verifies; of requests also the frame.
type world struct {
	pack, ring []byte
	inputs     map[string][]byte
	frame      []byte
}

// each yields the exports with their inputs.
func (w *world) each(yield func(export string, in []byte) bool) {
	for export, in := range w.inputs {
		if !yield(export, in) {
			return
		}
	}
	_ = yield(abi.ExportOpen, w.frame) && yield(abi.ExportAnswer, w.frame)
}

var theNow = enginetest.Now()

func newWorld(t testing.TB) *world {
	t.Helper()
	p, err := starter.Pack()
	if err != nil {
		t.Fatal(err)
	}
	request, frame := wasmtest.PismoRequest(t, enginetest.PismoAccount, []byte(`{"card":{"id":134142,"type":"PLASTIC","program_id":1234,"bin":"5122"},"combo_card":{},"token_id":432,"network_brand":"vts","custom_codes":["FRB","BNB"],"original_network_data":{}}`))
	event := fmt.Appendf(nil, `{"now_ms":%d,"event":{"id":"e-1","token":{"network":"visa","channel":"wallet","source":"manual"},"card":{"type":"PLASTIC","expired":true},"guards":[]}}`, theNow.UnixMilli())
	return &world{p.Encode(), wasmtest.PismoRing(t), map[string][]byte{
		abi.ExportDecide: event, abi.ExportExplain: event, abi.ExportDecideBatch: bytes.Repeat(append(event, '\n'), 3),
		abi.ExportOpen: request, abi.ExportAnswer: request,
	}, frame}
}

// loaded are twins with the world's pack and ring in them.
func (w *world) loaded(t testing.TB, flavour, build string, r Runtime) (tw *twins, pack, ring uint32) {
	t.Helper()
	tw = newTwins(t, flavour, build, r)
	pack = tw.load(t, abi.ExportLoad, w.pack)
	return tw, pack, tw.load(t, abi.ExportRing, w.ring)
}

// handlesOf are those that an export takes.
func handlesOf(export string, pack, ring uint32) (list []uint32) {
	want := takes[export]
	if want&needsPack != 0 {
		list = append(list, pack)
	}
	if want&needsRing != 0 {
		list = append(list, ring)
	}
	return list
}

// TestHostileTraysGiveCodes: inputs that were cut, flipped and doubled, packs and rings
// too, wrong handles and wrong lengths. Each gets the code that the library gives, and
// the instance serves on.
func TestHostileTraysGiveCodes(t *testing.T) {
	w := newWorld(t)
	for _, e := range engines[:2] {
		t.Run(e.name, func(t *testing.T) {
			tw, pack, ring := w.loaded(t, abi.FlavourFull, e.build, e.runtime)
			codes := map[code.Code]int{}
			for export, in := range w.each {
				handles := handlesOf(export, pack, ring)
				if c, reply := tw.ask(t, export, handles, in); c != 0 {
					t.Fatalf("%s: %d %s", export, c, reply)
				}
				for _, m := range testutil.Mutations(in, 150, 8) {
					c, _ := tw.ask(t, export, handles, m)
					codes[c]++
				}
				for _, m := range [][]byte{nil, {}, []byte("{"), []byte("null"), []byte("[]"), []byte(`"a"`), bytes.Repeat([]byte("["), 100_000), bytes.Repeat([]byte(`{"a":`), 50_000), {0xff, 0xfe}} {
					if c, reply := tw.ask(t, export, handles, m); c == 0 && export != abi.ExportDecideBatch {
						t.Errorf("%s took %.20q: %s", export, m, reply)
					}
				}
				for i := range handles {
					for _, wrong := range []uint32{0, 99, 1 << 31, 1<<32 - 1, handles[i] + 7} {
						bad := bytes.Clone(in)
						h := append([]uint32(nil), handles...)
						h[i] = wrong
						if c, reply := tw.ask(t, export, h, bad); c != code.Handle {
							t.Errorf("%s with handle %d: %d %s", export, wrong, c, reply)
						}
					}
				}
			}
			for export, in := range map[string][]byte{abi.ExportLoad: w.pack, abi.ExportRing: w.ring} {
				for _, m := range testutil.Mutations(in, 25, 9) {
					c, reply := tw.ask(t, export, nil, bytes.Clone(m))
					codes[c]++
					if c == 0 {
						tw.ask(t, abi.ExportDrop, []uint32{handle(t, reply)}, nil)
					}
				}
			}
			t.Logf("codes: %v", codes)
			if len(codes) < 6 || codes[code.Internal] > 0 {
				t.Errorf("codes: %v", codes)
			}
			if c, _ := tw.ask(t, abi.ExportDecide, []uint32{pack}, w.inputs[abi.ExportDecide]); c != 0 || tw.wasm.broken {
				t.Error("the instance serves no more")
			}
		})
	}
}

// TestLengthsAreNotBelieved: an export is told of more than the tray holds.
func TestLengthsAreNotBelieved(t *testing.T) {
	w := newWorld(t)
	tw, pack, ring := w.loaded(t, abi.FlavourFull, "", RuntimeCompiler)
	for export, in := range w.each {
		for _, n := range []uint64{uint64(len(in)) + 1, 1 << 20, abi.MaxTray + 1, 1<<31 - 1, 1 << 31, 1<<32 - 1} {
			addr, err := tw.wasm.invoke(t.Context(), abi.ExportIn, uint64(len(in)))
			if err != nil || !tw.wasm.mem.Write(uint32(addr), in) {
				t.Fatal(err)
			}
			params := []uint64{}
			for _, h := range handlesOf(export, pack, ring) {
				params = append(params, uint64(h))
			}
			_, err = tw.wasm.reply(t.Context(), export, append(params, n)...)
			if c := code.Of(err); c != code.Tray {
				t.Errorf("%s of %d bytes, told of %d: %v", export, len(in), n, err)
			}
		}
	}
	for _, n := range []uint64{abi.MaxTray + 1, 1 << 31, 1<<32 - 1} {
		if addr, err := tw.wasm.invoke(t.Context(), abi.ExportIn, n); addr != 0 || err != nil {
			t.Errorf("a tray of %d bytes: %d, %v", n, addr, err)
		}
	}
}

// TestEventsStayInTheirPlace: Decide puts the event's text between two others, and no text
// changes what stands there.
func TestEventsStayInTheirPlace(t *testing.T) {
	opt := realOptions(t, abi.FlavourFull, "")
	opt.Pack = newWorld(t).pack
	p := pool(t, opt)
	if _, err := p.Decide(t.Context(), theNow, []byte(`{"id":"e"}`)); err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{
		`{"id":"e"},"now_ms":1795392000001`, `{"id":"e"}},"now_ms":{`, `{"id":"e"}}`, `{"id":"e"},"event":{"id":"f"}`,
		`{"id":"e"},"x":1`, `{"id":"e"}{"id":"f"}`, "{\"id\":\"e\"}\n{\"id\":\"f\"}", `{"id":"e"}/*`, ``, ` `, `1`,
	} {
		if reply, err := p.Decide(t.Context(), theNow, []byte(event)); err == nil {
			t.Errorf("%q was taken: %s", event, reply)
		}
	}
	for _, now := range []time.Time{time.UnixMilli(0), time.UnixMilli(-1), time.UnixMilli(abi.BuiltMs - 1), time.UnixMilli(abi.MaxNowMs + 1), {}} {
		if _, err := p.Decide(t.Context(), now, []byte(`{"id":"e"}`)); code.Of(err) != code.Clock && code.Of(err) != code.Input {
			t.Errorf("at %v: %v", now, err)
		}
	}
	if s := p.Stats(); s.Faults != 0 {
		t.Errorf("%+v", s)
	}
}

// FuzzModuleAgainstLibrary: the first byte chooses an export and its handles, the rest is
// the input. The module and the library answer with the same bytes, whatever it is.
func FuzzModuleAgainstLibrary(f *testing.F) {
	w := newWorld(f)
	exports := []string{
		abi.ExportDecide, abi.ExportExplain, abi.ExportDecideBatch, abi.ExportOpen, abi.ExportAnswer,
		abi.ExportLoad, abi.ExportRing, abi.ExportDrop, abi.ExportSelftest,
	}
	for i, export := range exports {
		if in := w.inputs[export]; in != nil {
			f.Add(byte(i), in)
			for _, m := range testutil.Mutations(in, 20, 10) {
				f.Add(byte(i), m)
			}
		}
	}
	for _, m := range append(testutil.Mutations(w.frame, 40, 10), w.frame) {
		f.Add(byte(3), m)
		f.Add(byte(4), m)
	}
	f.Add(byte(5), w.pack)
	f.Add(byte(6), w.ring)
	f.Add(byte(7), []byte{})
	tw, pack, ring := w.loaded(f, abi.FlavourFull, "", RuntimeCompiler)
	f.Fuzz(func(t *testing.T, choice byte, in []byte) {
		export := exports[int(choice)%len(exports)]
		handles := handlesOf(export, pack, ring)
		if export == abi.ExportDrop {
			handles = []uint32{uint32(len(in)) * 77}
		}
		if choice > 200 && len(handles) > 0 {
			handles[0] = uint32(len(in))
		}
		if c, reply := tw.ask(t, export, handles, in); c == 0 && (export == abi.ExportLoad || export == abi.ExportRing) {
			tw.ask(t, abi.ExportDrop, []uint32{handle(t, reply)}, nil)
		}
	})
}
