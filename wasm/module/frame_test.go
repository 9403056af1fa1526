package module_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/module"
	"github.com/issuant/issuant/wasm/wasmtest"
)

// opening is a module with a ring, and a request in both forms.
func opening(tb testing.TB) (m *module.Module, asJSON, frame []byte) {
	tb.Helper()
	m = newModule(tb, abi.FlavourDecide)
	want(tb, m.Ring(put(tb, m, string(wasmtest.PismoRing(tb)))), code.OK)
	asJSON, frame = wasmtest.PismoRequest(tb, enginetest.PismoAccount, []byte(`{"token_id":1}`))
	return m, asJSON, frame
}

func TestFramesGiveTheRepliesOfJSON(t *testing.T) {
	m, asJSON, frame := opening(t)
	reply := bytes.Clone(m.Open(1, put(t, m, string(asJSON))))
	want(t, reply, code.OK)
	if got := m.Open(1, put(t, m, string(frame))); !bytes.Equal(got, reply) {
		t.Errorf("%s\nand of JSON\n%s", got, reply)
	}
}

// TestFramesThatAreNoneAreRefused: every byte of the lengths is changed, and every cut tried.
func TestFramesThatAreNoneAreRefused(t *testing.T) {
	m, _, frame := opening(t)
	refused := func(name string, frame []byte, codes ...code.Code) {
		t.Helper()
		reply := m.Open(1, put(t, m, string(frame)))
		got := codeOf(reply)
		for _, c := range codes {
			if got == c {
				return
			}
		}
		t.Errorf("%s: %v: %s", name, got, reply[abi.CodeBytes:])
	}
	for n := range frame {
		if n > 0 {
			refused("cut", frame[:n], code.Input)
		}
	}
	refused("longer", append(bytes.Clone(frame), 0), code.Input)
	for at := 1; at < abi.FrameHead+2*abi.FrameField; at++ {
		for _, flip := range []byte{1, 0x80, 0xff} {
			bad := bytes.Clone(frame)
			bad[at] ^= flip
			switch {
			case at >= 8 && at < 16: // the instant
				refused("another instant", bad, code.Clock, code.Stale, code.OK)
			default:
				refused("another length", bad, code.Input)
			}
		}
	}
	many := abi.Frame{NowMs: enginetest.Now().UnixMilli(), Scheme: "pismo", Fields: make([]abi.Field, abi.MaxHeaders+1)}
	refused("257 headers", many.AppendHead(nil), code.Input)
	many.Fields = many.Fields[1:]
	refused("256 headers", many.AppendHead(nil), code.NotSigned)
	many.Fields = make([]abi.Field, 70_000)
	refused("70,000 headers", many.AppendHead(nil), code.Input)
}

// TestFieldsOfOneNameAreOneHeader: together, apart, and in another case.
func TestFieldsOfOneNameAreOneHeader(t *testing.T) {
	m, _, _ := opening(t)
	for _, names := range [][]string{
		{"X-Pismo-Sign", "X-Pismo-Sign"}, {"X-Pismo-Sign", "Accept", "X-Pismo-Sign"}, {"x-pismo-sign", "X-Pismo-Sign"},
		{"X-Pismo-Sign", "Accept", "X-Pismo-Sign", "Accept", "X-Pismo-Sign"},
	} {
		f := abi.Frame{NowMs: enginetest.Now().UnixMilli(), Scheme: "pismo"}
		for _, name := range names {
			f.Fields = append(f.Fields, abi.Field{Name: name, Value: "a.b.c"})
		}
		reply := m.Open(1, put(t, m, string(f.AppendHead(nil))))
		if codeOf(reply) != code.Malformed || !strings.Contains(string(reply), "more than once") {
			t.Errorf("%q: %s", names, reply[abi.CodeBytes:])
		}
	}
}
