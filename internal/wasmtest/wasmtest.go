// Package wasmtest turns the vectors of testdata/vectors into calls of the WASM module,
// for every test that runs it: natively, under wazero, under Node. What a vector expects
// is checked once, of the native reply; the others are compared with that one, byte for
// byte.
//
// Kinds that no export takes are not among them: jose, keys, outbound, signed and those
// of provision are formats of files and of other directions.
package wasmtest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/module"
)

// Story is calls of one instance: what is loaded first, and then asked.
type Story struct {
	Name  string
	Pack  []byte // loaded first; nil for none
	Ring  []byte // loaded second; nil for none
	Steps []Step
}

// Step is one call.
type Step struct {
	ID     string // of the vector
	Export string
	Input  []byte
	Expect string // name of the code, "ok" for 0; "" where the vector does not say
	// Check holds the JSON of a reply with code 0 against the vector; nil where only
	// runtimes are compared.
	Check func(reply []byte) error
}

// handles are those that a step's export takes, before the length.
func handles(export string, pack, ring uint32) []uint32 {
	switch export {
	case abi.ExportDecide, abi.ExportExplain, abi.ExportDecideBatch:
		return []uint32{pack}
	case abi.ExportOpen, abi.ExportProvision, abi.ExportSeal:
		return []uint32{ring}
	case abi.ExportAnswer:
		return []uint32{pack, ring}
	}
	return nil
}

// Caller calls an export of a module and returns its reply, code first: a copy.
type Caller func(export string, handles []uint32, input []byte) []byte

// Run plays a story and returns the replies: of the pack and of the ring, where there
// are, then of each step. At the end it drops what it loaded.
func (s *Story) Run(tb testing.TB, call Caller) [][]byte {
	tb.Helper()
	var replies [][]byte
	load := func(export string, content []byte) uint32 {
		if content == nil {
			return 0
		}
		reply := call(export, nil, bytes.Clone(content))
		replies = append(replies, reply)
		return Handle(tb, reply)
	}
	pack, ring := load(abi.ExportLoad, s.Pack), load(abi.ExportRing, s.Ring)
	for _, step := range s.Steps {
		replies = append(replies, call(step.Export, handles(step.Export, pack, ring), bytes.Clone(step.Input)))
	}
	for _, h := range []uint32{pack, ring} {
		if h != 0 {
			call(abi.ExportDrop, []uint32{h}, nil)
		}
	}
	return replies
}

// Handle is the one in a reply to load or ring; without one the test ends.
func Handle(tb testing.TB, reply []byte) uint32 {
	tb.Helper()
	var n uint32
	c, json := Split(reply)
	if _, err := fmt.Sscanf(string(json), `{"handle":%d,`, &n); c != code.OK || err != nil || n == 0 {
		tb.Fatalf("no handle: %v %s", c, json)
	}
	return n
}

// Split parts a reply into its code and JSON.
func Split(reply []byte) (code.Code, []byte) {
	return code.Code(binary.LittleEndian.Uint32(reply)), reply[abi.CodeBytes:]
}

// Verify checks what a story's vectors expect of the replies that Run returned.
func (s *Story) Verify(tb testing.TB, replies [][]byte) {
	tb.Helper()
	steps := replies[len(replies)-len(s.Steps):]
	for i, step := range s.Steps {
		c, json := Split(steps[i])
		if step.Expect != "" && c.String() != step.Expect {
			tb.Errorf("%s: %s: %v, want %s: %s", s.Name, step.ID, c, step.Expect, json)
		} else if c == code.OK && step.Check != nil {
			if err := step.Check(json); err != nil {
				tb.Errorf("%s: %s: %v", s.Name, step.ID, err)
			}
		}
	}
}

// Native returns a Caller of package module without WASM. Where no tray takes the
// input, the reply has the code 200 and no JSON.
func Native(m *module.Module) Caller {
	return func(export string, handles []uint32, input []byte) []byte {
		n := uint32(len(input))
		tray := m.In(n)
		if tray == nil {
			return binary.LittleEndian.AppendUint32(nil, uint32(code.TooLarge))
		}
		copy(tray, input)
		return bytes.Clone(native(m, export, append(handles, 0, 0), n))
	}
}

func native(m *module.Module, export string, h []uint32, n uint32) []byte {
	switch export {
	case abi.ExportInfo:
		return m.Info()
	case abi.ExportSelftest:
		return m.Selftest()
	case abi.ExportLoad:
		return m.Load(n)
	case abi.ExportRing:
		return m.Ring(n)
	case abi.ExportDecide:
		return m.Decide(h[0], n)
	case abi.ExportExplain:
		return m.Explain(h[0], n)
	case abi.ExportDecideBatch:
		return m.DecideBatch(h[0], n)
	case abi.ExportOpen:
		return m.Open(h[0], n)
	case abi.ExportAnswer:
		return m.Answer(h[0], h[1], n)
	case abi.ExportEntropy:
		return m.Entropy(n)
	case abi.ExportProvision:
		return m.Provision(h[0], n)
	case abi.ExportSeal:
		return m.Seal(h[0], n)
	case abi.ExportCompile:
		return m.Compile(n)
	case abi.ExportDrop:
		return m.Drop(h[0])
	}
	panic("wasmtest: no method for the export " + export)
}
