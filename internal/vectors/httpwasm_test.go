package vectors

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/http-wasm/http-wasm-host-go/api/handler"
	host "github.com/http-wasm/http-wasm-host-go/handler"
	"github.com/tetratelabs/wazero"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/wasmfile"
	"github.com/issuant/issuant/rules/starter"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/build"
	"github.com/issuant/issuant/wasm/snapshot"
)

// Instructions of WASM, for the function that http-wasm's hosts call.
const (
	opEnd        = 0x0b
	opCall       = 0x10
	opDrop       = 0x1a
	opLocalGet   = 0x20
	opLocalSet   = 0x21
	opI32Load    = 0x28
	opI64Load    = 0x29
	opI32Load8u  = 0x2d
	opI64Store   = 0x37
	opI64DivU    = 0x80
	opI64Or      = 0x84
	opI64Shl     = 0x86
	opI64ShrU    = 0x88
	opI32WrapI64 = 0xa7
	opI64Extend  = 0xad // of an i32, unsigned
)

// What http-wasm's handle_request of this test answers, above the bit that lets a
// request pass: the code of issuant_decide, the clock in units of 194 days, a byte of
// the host's randomness.
const (
	codeBits = 16
	unitBits = 24 // of Unix seconds that are not looked at
	tray     = 1024
)

// probe adds the functions that http-wasm asks for to one of our modules.
func probe(t *testing.T, module []byte) []byte {
	t.Helper()
	m, err := wasmfile.Parse(module)
	if err != nil {
		t.Fatal(err)
	}
	input := fmt.Sprintf(`{"now_ms":%d,"event":{"id":"1","at":"2026-11-24T10:00:00Z"}}`, abi.BuiltMs+int64(24*time.Hour/time.Millisecond))
	add := func(name string, f wasmfile.FuncType, body []byte) {
		m.Exports = append(m.Exports, wasmfile.Export{Name: name, Kind: wasmfile.Func, Index: m.AddFunc(f, body)})
	}
	add(handler.FuncHandleRequest, wasmfile.FuncType{Results: []wasmfile.ValueType{wasmfile.I64}}, handleRequest(t, m, input))
	add(handler.FuncHandleResponse, wasmfile.FuncType{Params: []wasmfile.ValueType{wasmfile.I32, wasmfile.I32}}, []byte{0, opEnd})
	return m.Encode()
}

// handleRequest is the code of a function that looks at randomness and clock, lets the
// module decide, and answers what it found.
func handleRequest(t *testing.T, m *wasmfile.Module, input string) []byte {
	t.Helper()
	const at, answer = 0, 1          // locals: an address and the answer
	b := []byte{2, 1, 0x7f, 1, 0x7e} // one i32, one i64
	emit := func(code ...byte) { b = append(b, code...) }
	number := func(n uint64) { b = binary.AppendUvarint(b, n) }
	i32 := func(n int64) { b = appendSigned(append(b, wasmfile.OpI32Const), n) }
	i64 := func(n int64) { b = appendSigned(append(b, wasmfile.OpI64Const), n) }
	call := func(index uint32) { emit(opCall); number(uint64(index)) }
	keep := func(shift int64) { // what lies on the stack, in its place of the answer
		i64(shift)
		emit(opI64Shl, opLocalGet, answer, opI64Or, opLocalSet, answer)
	}

	i32(tray)
	call(exported(t, m, abi.ExportIn))
	emit(opLocalSet, at, opLocalGet, at)
	i32(1)
	call(imported(t, m, "random_get"))
	emit(opDrop, opLocalGet, at, opI32Load8u, 0, 0, opI64Extend)
	keep(32 + codeBits + 8)

	i32(0) // the wall clock
	i64(1)
	emit(opLocalGet, at)
	call(imported(t, m, "clock_time_get"))
	emit(opDrop, opLocalGet, at, opI64Load, 0, 0)
	i64(int64(time.Second) << unitBits)
	emit(opI64DivU)
	keep(32 + codeBits)

	for k := 0; k < len(input); k += 8 {
		var word [8]byte
		copy(word[:], input[k:])
		emit(opLocalGet, at)
		i64(int64(binary.LittleEndian.Uint64(word[:])))
		emit(opI64Store, 0)
		number(uint64(k))
	}
	i32(1) // the handle of a snapshot's pack
	i32(int64(len(input)))
	call(exported(t, m, abi.ExportDecide))
	i64(32)
	emit(opI64ShrU, opI32WrapI64, opI32Load, 0, 0, opI64Extend)
	keep(32)
	emit(opLocalGet, answer)
	i64(1) // the request may pass
	emit(opI64Or, opEnd)
	return b
}

// appendSigned appends n in LEB128.
func appendSigned(b []byte, n int64) []byte {
	for n < -0x40 || n >= 0x40 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n)&0x7f)
}

func exported(t *testing.T, m *wasmfile.Module, name string) uint32 {
	t.Helper()
	e, ok := m.Export(name)
	if !ok {
		t.Fatalf("the module does not export %s", name)
	}
	return e.Index
}

func imported(t *testing.T, m *wasmfile.Module, name string) uint32 {
	t.Helper()
	for i, f := range m.Imports {
		if f.Name == name {
			return uint32(i)
		}
	}
	t.Fatalf("the module does not import %s", name)
	return 0
}

// middlewareOf is http-wasm-host-go itself around a module.
func middlewareOf(t *testing.T, cache wazero.CompilationCache, module []byte, config wazero.ModuleConfig) (host.Middleware, error) {
	t.Helper()
	m, err := host.NewMiddleware(t.Context(), module, handler.UnimplementedHost{}, host.ModuleConfig(config),
		host.Runtime(func(ctx context.Context) (wazero.Runtime, error) {
			return wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCompilationCache(cache)), nil
		}))
	if err == nil {
		t.Cleanup(func() { m.Close(context.Background()) })
	}
	return m, err
}

// TestHTTPWasmHost runs the module in http-wasm-host-go v0.7.0, set up as by a program
// that sets nothing, and as Traefik 3.7.13 does it. What wasm/README.md says of both
// hosts is what they do: a module that was not initialised traps, a snapshot needs no
// initialising, the wall clock is Traefik's alone, and the random bytes are the same
// in every instance.
func TestHTTPWasmHost(t *testing.T) {
	guest, err := build.Guest(t.Context(), build.Options{Root: "../..", Flavour: abi.FlavourDecide})
	if err != nil {
		t.Fatal(err)
	}
	pack, err := starter.Pack()
	if err != nil {
		t.Fatal(err)
	}
	snap, err := snapshot.Build(t.Context(), guest.Module, pack.Encode())
	if err != nil {
		t.Fatal(err)
	}
	cache := wazero.NewCompilationCache()
	defer cache.Close(context.Background())
	traefik := func() wazero.ModuleConfig {
		return wazero.NewModuleConfig().WithStartFunctions("_start", abi.ExportInitialize).WithSysWalltime()
	}
	now := uint32(time.Now().Unix() >> unitBits)
	then := uint32(time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC).Unix() >> unitBits)
	for _, c := range []struct {
		name   string
		module []byte
		config func() wazero.ModuleConfig
		traps  bool
		code   code.Code // of issuant_decide; a module that is no snapshot has no pack
		clock  uint32    // in units of 194 days
	}{
		{"nothing set", probe(t, guest.Module), wazero.NewModuleConfig, true, 0, 0},
		{"nothing set, a snapshot", probe(t, snap), wazero.NewModuleConfig, false, 0, then},
		{"Traefik", probe(t, guest.Module), traefik, false, code.Handle, now},
		{"Traefik, a snapshot", probe(t, snap), traefik, false, 0, now},
	} {
		t.Run(c.name, func(t *testing.T) {
			random := map[byte]bool{}
			for range 3 {
				m, err := middlewareOf(t, cache, c.module, c.config())
				if err != nil {
					t.Fatal(err)
				}
				_, next, err := m.HandleRequest(t.Context())
				if (err != nil) != c.traps {
					t.Fatalf("it answers %x, %v", next, err)
				}
				answer := uint32(next >> 32)
				random[byte(answer>>(codeBits+8))] = true
				if got := code.Code(answer & (1<<codeBits - 1)); got != c.code {
					t.Errorf("issuant_decide answers %d, want %d", got, c.code)
				}
				if clock := answer >> codeBits & 0xff; !c.traps && clock != c.clock {
					t.Errorf("the clock stands at %d, want %d", clock, c.clock)
				}
			}
			if !c.traps && len(random) != 1 {
				t.Errorf("three instances drew %d different bytes: the host's randomness is none that is fixed", len(random))
			}
		})
	}
}
