package snapshot_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/starter"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/snapshot"
	"github.com/issuant/issuant/wasm/wasmtest"
)

// TestNodeAnswersAsTheEngineDoes runs the shared list of calls in Node: V8 takes the
// module, and every reply is that of the code in this process, byte for byte.
func TestNodeAnswersAsTheEngineDoes(t *testing.T) {
	calls := wasmtest.Calls(t, wasmtest.Full)
	for i, got := range inNode(t, realGuest(t, fullGuest), calls) {
		c := calls[i]
		if c.Sealed && wasmtest.Code(got) == wasmtest.Code(c.Want) {
			continue
		}
		if !bytes.Equal(got, c.Want) {
			t.Errorf("%s %s:\n%.500q, want\n%.500q", c.Export, c.ID, got, c.Want)
		}
	}
}

// TestNodeTakesASnapshot: V8 refuses modules of too many segments, and takes this one.
func TestNodeTakesASnapshot(t *testing.T) {
	loaded := must[[]byte](t)(snapshot.Build(context.Background(), realGuest(t, decideGuest), must[*rules.Pack](t)(starter.Pack()).Encode()))
	var calls []wasmtest.Call
	for _, in := range requests(t) {
		calls = append(calls, wasmtest.Call{Export: abi.ExportDecide, Args: []uint32{1}, Input: in})
	}
	native := newNative(t)
	for i, got := range inNode(t, loaded, calls) {
		if want := wasmtest.Native(native, calls[i]); !bytes.Equal(got, want) {
			t.Errorf("request %d:\n%q, want\n%q", i, got, want)
		}
	}
}

// inNode makes the calls on one instance of the module, in Node.
func inNode(t *testing.T, module []byte, calls []wasmtest.Call) (replies [][]byte) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: the module is not tried there")
	}
	type call struct {
		Export  string   `json:"export"`
		Handles []uint32 `json:"handles"`
		Input   []byte   `json:"input_b64"`
	}
	list := make([]call, len(calls))
	for i, c := range calls {
		list[i] = call{c.Export, append([]uint32{}, c.Args...), c.Input}
	}
	dir := t.TempDir()
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	file, input := filepath.Join(dir, "module.wasm"), filepath.Join(dir, "calls.json")
	for name, data := range map[string][]byte{file: module, input: text} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(node, "--no-warnings", "testdata/run.mjs", file, input)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, errs.Bytes())
	}
	for line := range strings.Lines(string(out)) {
		reply, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		replies = append(replies, reply)
	}
	if len(replies) != len(calls) {
		t.Fatalf("%d replies to %d calls", len(replies), len(calls))
	}
	return replies
}
