package snapshot_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/vectorfile"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/starter"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/module"
	"github.com/issuant/issuant/wasm/snapshot"
)

// guestCall is one call of the module, in the form that testdata/run.mjs reads.
type guestCall struct {
	Export  string   `json:"export"`
	Handles []uint32 `json:"handles"`
	Input   []byte   `json:"input_b64"`

	name string
	want string // name of the code that a vector expects; "" when none does
}

// The handles that vectorCalls loads, in this order.
const (
	packHandle = 1
	ringHandle = 2
)

// vectorCalls are the vectors of testdata that need nothing but a pack and public
// schemes, as calls: first those that load.
func vectorCalls(t *testing.T, pack []byte) (calls []guestCall) {
	type kv = map[string]any
	call := func(name, want, export string, handle uint32, input []byte) {
		c := guestCall{Export: export, Handles: []uint32{handle}, Input: input, name: name, want: want}
		if handle == 0 {
			c.Handles = []uint32{}
		}
		calls = append(calls, c)
	}
	read := func(c vectorfile.Case, v any) {
		if err := json.Unmarshal(c.Input, v); err != nil {
			t.Fatal(c.ID, err)
		}
	}
	schemes := vectorfile.Load(t, "/testdata/vectors/webhook_schemes.json")
	var setup struct{ Keys struct{ Keys []kv } }
	if err := json.Unmarshal(schemes.Setup, &setup); err != nil {
		t.Fatal(err)
	}
	settings := kv{}
	type request struct {
		Scheme, Method, Path string
		Headers              map[string][]string
		Body                 []byte `json:"body_b64"`
	}
	for _, c := range schemes.Cases {
		var r request
		read(c, &r)
		settings[r.Scheme] = kv{"unsafe_uncovered_body": true}
	}
	ring, err := json.Marshal(kv{"format": 1, "keys": setup.Keys.Keys, "schemes": settings})
	if err != nil {
		t.Fatal(err)
	}
	call("load", "ok", abi.ExportLoad, 0, pack)
	call("ring", "ok", abi.ExportRing, 0, ring)

	var batch bytes.Buffer
	for _, c := range vectorfile.Load(t, "/testdata/vectors/decisions.json").Cases {
		var in struct{ Event json.RawMessage }
		read(c, &in)
		line := fmt.Appendf(nil, `{"now_ms":%d,"event":%s}`, c.NowMS, in.Event)
		call(c.ID, c.Expect, abi.ExportDecide, packHandle, line)
		call(c.ID, c.Expect, abi.ExportExplain, packHandle, line)
		if err := json.Compact(&batch, line); err != nil {
			t.Fatal(err)
		}
		batch.WriteByte('\n')
	}
	call("batch", "ok", abi.ExportDecideBatch, packHandle, batch.Bytes())
	for _, c := range vectorfile.Load(t, "/testdata/vectors/events.json").Cases {
		var in struct {
			Text string
			Body []byte `json:"body_b64"`
		}
		read(c, &in)
		call(c.ID, "", abi.ExportDecide, packHandle, slices.Concat(fmt.Appendf(nil, `{"now_ms":%d,"event":`, abi.BuiltMs), []byte(in.Text), in.Body, []byte("}")))
	}
	for _, c := range schemes.Cases {
		var r request
		read(c, &r)
		in, err := json.Marshal(kv{"now_ms": c.NowMS, "scheme": r.Scheme, "method": r.Method, "path": r.Path, "headers": r.Headers, "body_b64": r.Body})
		if err != nil {
			t.Fatal(err)
		}
		want := c.Expect
		if c.NowMS < abi.BuiltMs {
			want = code.Clock.String()
		}
		call(c.ID, want, abi.ExportOpen, ringHandle, in)
	}
	return calls
}

// nativeReplies are the replies of the module's code in this process, held to what the
// vectors expect.
func nativeReplies(t *testing.T, calls []guestCall) (replies [][]byte) {
	m := must[*module.Module](t)(module.New(module.Options{}))
	operations := map[string]func(handle, n uint32) []byte{
		abi.ExportLoad: func(_, n uint32) []byte { return m.Load(n) }, abi.ExportRing: func(_, n uint32) []byte { return m.Ring(n) },
		abi.ExportDecide: m.Decide, abi.ExportExplain: m.Explain, abi.ExportDecideBatch: m.DecideBatch, abi.ExportOpen: m.Open,
	}
	for _, c := range calls {
		copy(m.In(uint32(len(c.Input))), c.Input)
		reply := operations[c.Export](append(c.Handles, 0)[0], uint32(len(c.Input)))
		if got := code.Code(binary.LittleEndian.Uint32(reply)).String(); c.want != "" && got != c.want {
			t.Errorf("%s %s: %s, want %s\n%s", c.Export, c.name, got, c.want, reply[abi.CodeBytes:])
		}
		replies = append(replies, bytes.Clone(reply))
	}
	return replies
}

// TestNodeAnswersAsTheEngineDoes runs the vectors in Node, in the module as it is built and
// in one that was written with its pack loaded: V8 takes both, and every reply is that of
// the code in this process, byte for byte.
func TestNodeAnswersAsTheEngineDoes(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: the module is not tried there")
	}
	guest := realGuest(t, fullGuest)
	pack := must[*rules.Pack](t)(starter.Pack()).Encode()
	calls := vectorCalls(t, pack)
	want := nativeReplies(t, calls)
	loaded := must[[]byte](t)(snapshot.Build(context.Background(), guest, pack))
	for _, run := range []struct {
		name   string
		module []byte
		from   int // of the calls: a snapshot has run the first
	}{{"module", guest, 0}, {"snapshot", loaded, 1}} {
		for i, got := range inNode(t, node, run.module, calls[run.from:]) {
			i += run.from
			if !bytes.Equal(got, want[i]) {
				t.Errorf("%s: %s %s:\n%q, want\n%q", run.name, calls[i].Export, calls[i].name, got, want[i])
			}
		}
	}
}

func inNode(t *testing.T, node string, module []byte, calls []guestCall) (replies [][]byte) {
	t.Helper()
	dir := t.TempDir()
	list, err := json.Marshal(calls)
	if err != nil {
		t.Fatal(err)
	}
	file, input := filepath.Join(dir, "module.wasm"), filepath.Join(dir, "calls.json")
	for name, data := range map[string][]byte{file: module, input: list} {
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
