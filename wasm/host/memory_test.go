package host

import (
	"testing"

	"github.com/issuant/issuant/wasm/abi"
)

// TestMemoryStaysFlat: an instance needs no more memory after many calls than after some.
// The soak makes a million of them.
func TestMemoryStaysFlat(t *testing.T) {
	some, many := 4_000, 5_500
	if soak {
		some, many = 10_000, 1_000_000
	}
	w := newWorld(t)
	opt := realOptions(t, abi.FlavourFull, "")
	p := pool(t, opt)
	in, err := p.take(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer p.give(t.Context(), in)
	var pack, ring uint32
	if err := in.load(t.Context(), abi.ExportLoad, w.pack, &pack); err != nil {
		t.Fatal(err)
	}
	if err := in.load(t.Context(), abi.ExportRing, w.ring, &ring); err != nil {
		t.Fatal(err)
	}
	base, after := in.mem.Size(), uint32(0)
	for i := range many {
		export := abi.ExportDecide
		if i%2 == 0 {
			export = abi.ExportAnswer
		}
		if _, err := in.send(t.Context(), export, handlesOf(export, pack, ring), w.inputs[export]); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
		if i == some {
			after = in.mem.Size()
		}
	}
	t.Logf("memory: %d bytes loaded, %d after %d calls, %d after %d", base, after, some, in.mem.Size(), many)
	// Go collects for the first time when the heap is a few times as large as what lives in
	// it, and grows by a chunk now and then until the free ones are well spread.
	if float64(in.mem.Size()) > 1.05*float64(after) {
		t.Errorf("it grew from %d to %d bytes between calls %d and %d", after, in.mem.Size(), some, many)
	}
}
