package wasmtest_test

import (
	"testing"

	"github.com/issuant/issuant/internal/wasmtest"
	"github.com/issuant/issuant/wasm/module"
)

// TestVectorsThroughTheModule: natively, what the vectors expect. Other runtimes are
// compared with these replies.
func TestVectorsThroughTheModule(t *testing.T) {
	steps := 0
	for _, s := range wasmtest.Stories(t) {
		m, err := module.New(module.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s.Verify(t, s.Run(t, wasmtest.Native(m)))
		steps += len(s.Steps)
	}
	t.Logf("%d vectors", steps)
	if steps < 1100 {
		t.Errorf("only %d", steps)
	}
}
