package wasmtest_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/issuant/issuant/wasm/module"
	"github.com/issuant/issuant/wasm/wasmtest"
)

// A runner makes every call on one fresh instance; this one is native.
func Example() {
	var t *testing.T // of the runner's test
	run := func(c wasmtest.Call, m *module.Module) bool { return bytes.Equal(wasmtest.Native(m, c), c.Want) }
	fmt.Println(t == nil, run != nil)
	// Output: true true
}

// TestCallsAgainGiveTheSameReplies is also where the vectors' own expectations are held
// against package module.
func TestCallsAgainGiveTheSameReplies(t *testing.T) {
	least := map[string]int{wasmtest.Verify: 500, wasmtest.Decide: 1000, wasmtest.Full: 1000}
	for _, flavour := range []string{wasmtest.Verify, wasmtest.Decide, wasmtest.Full} {
		calls := wasmtest.Calls(t, flavour)
		if len(calls) < least[flavour] {
			t.Errorf("%s: only %d calls", flavour, len(calls))
		}
		m, err := module.New(module.Options{Flavour: flavour})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range calls {
			if got := wasmtest.Native(m, c); !bytes.Equal(got, c.Want) && !c.Sealed {
				t.Errorf("%s: %s:\ngot  %q\nwant %q", c.ID, c.Export, got, c.Want)
			}
		}
	}
}
