package wasmtest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/module"
)

// Call is one call of an export and its reply.
type Call struct {
	ID     string   // vector file and case, or what it is about
	Export string   // one of the constants abi.Export*
	Args   []uint32 // handles, in the order of the export's parameters; the length of Input follows
	Input  []byte   // nil where the export takes none
	Want   []byte   // the reply: 4 bytes of code, and JSON
	// Sealed marks replies that hold what was sealed, and differ each time: their codes
	// are compared, and what they hold is opened.
	Sealed bool
}

// Code is the code of a reply.
func Code(reply []byte) uint32 {
	if len(reply) < abi.CodeBytes {
		return uint32(code.Internal)
	}
	return binary.LittleEndian.Uint32(reply)
}

// Flavours for Calls.
const (
	Verify = abi.FlavourVerify
	Decide = abi.FlavourDecide
	Full   = abi.FlavourFull
)

// Calls returns the calls for a flavour, at least some hundreds. They must be made on
// one fresh instance, in their order: handles are those that it will give out.
func Calls(tb testing.TB, flavour string) []Call {
	tb.Helper()
	m, err := module.New(module.Options{Flavour: flavour})
	if err != nil {
		tb.Fatal(err)
	}
	l := &list{tb: tb, m: m, flavour: flavour}
	l.webhooks("pismo_verify.json")
	l.webhooks("pismo_authorization.json")
	l.schemes()
	if flavour != Verify {
		l.decisions()
		l.events()
		l.gate()
		l.conditions()
		l.codec()
	}
	l.mistakes()
	return l.calls
}

// Native makes a call natively; it is what a runner replaces.
func Native(m *module.Module, c Call) []byte {
	n := uint32(len(c.Input))
	if c.Input != nil {
		tray := m.In(n)
		if tray == nil {
			return nil
		}
		copy(tray, c.Input)
	}
	arg := func(i int) uint32 {
		if i < len(c.Args) {
			return c.Args[i]
		}
		return 0
	}
	switch c.Export {
	case abi.ExportInfo:
		return m.Info()
	case abi.ExportSelftest:
		return m.Selftest()
	case abi.ExportLoad:
		return m.Load(n)
	case abi.ExportRing:
		return m.Ring(n)
	case abi.ExportDecide:
		return m.Decide(arg(0), n)
	case abi.ExportExplain:
		return m.Explain(arg(0), n)
	case abi.ExportDecideBatch:
		return m.DecideBatch(arg(0), n)
	case abi.ExportOpen:
		return m.Open(arg(0), n)
	case abi.ExportAnswer:
		return m.Answer(arg(0), arg(1), n)
	case abi.ExportEntropy:
		return m.Entropy(n)
	case abi.ExportProvision:
		return m.Provision(arg(0), n)
	case abi.ExportSeal:
		return m.Seal(arg(0), n)
	case abi.ExportCompile:
		return m.Compile(n)
	case abi.ExportDrop:
		return m.Drop(arg(0))
	}
	panic("wasmtest: no export " + c.Export)
}

// list is a list of calls in the making.
type list struct {
	tb      testing.TB
	m       *module.Module
	flavour string
	calls   []Call
}

// call makes a call and adds it.
func (l *list) call(id, export string, input []byte, args ...uint32) []byte {
	c := Call{ID: id, Export: export, Args: args, Input: input}
	c.Want = slices.Clone(Native(l.m, c))
	l.calls = append(l.calls, c)
	return c.Want
}

// must is call for what has to succeed; it reads the reply into v.
func (l *list) must(id, export string, input []byte, v any, args ...uint32) {
	l.tb.Helper()
	reply := l.call(id, export, input, args...)
	if Code(reply) != 0 {
		l.tb.Fatalf("%s: %s: %s", id, export, reply[min(len(reply), abi.CodeBytes):])
	}
	if v == nil {
		return
	}
	if err := json.Unmarshal(reply[abi.CodeBytes:], v); err != nil {
		l.tb.Fatalf("%s: %v", id, err)
	}
}

// handle is the reply of load and ring.
type handle struct {
	Handle uint32 `json:"handle"`
}

// expect compares a reply's code with what a vector expects.
func (l *list) expect(id string, nowMS int64, reply []byte, want string) {
	l.tb.Helper()
	if nowMS < abi.BuiltMs || nowMS > abi.MaxNowMs {
		want = code.Clock.String() // the module refuses what is older than itself
	}
	if got := code.Code(Code(reply)).String(); got != want {
		l.tb.Errorf("%s: %s, want %s: %s", id, got, want, reply[min(len(reply), abi.CodeBytes):])
	}
}

func quote(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprint("wasmtest: ", err))
	}
	return string(b)
}
