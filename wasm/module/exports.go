package module

import (
	"fmt"
	"io"

	"github.com/issuant/issuant/wasm/abi"
)

// Module is one instance: its trays, and the packs and rings that were loaded into
// it. It answers one call at a time and is not safe for concurrent use; a call that
// comes while another is being answered, as from a host's function, gets
// ErrReentrant's code. It prints as "[module]".
//
// Its methods are the exports of wasm/ABI.md, where their inputs and replies are
// described. n is how long the input in the tray is, in bytes; a reply is 4 bytes of
// code, little-endian, and then JSON. It holds until the next of these methods but In.
type Module struct{ open func() *instance }

// Options of a Module. The zero Options are those of the built flavour.
type Options struct {
	// Flavour is abi.FlavourVerify, FlavourDecide or FlavourFull: at most what the
	// build holds; "" is all of it.
	Flavour string
}

// New returns a module; a flavour that the build does not hold is ErrFlavour.
func New(opt Options) (*Module, error) {
	for i, name := range flavours {
		if i <= built && (opt.Flavour == name || opt.Flavour == "" && i == built) {
			m := &instance{flavour: i}
			return &Module{func() *instance { return m }}, nil
		}
	}
	return nil, ErrFlavour
}

const hidden = "[module]"

// String returns a placeholder: trays and rings hold secrets.
func (m Module) String() string { return hidden }

// Format writes a placeholder, whatever the verb.
func (m Module) Format(s fmt.State, _ rune) {
	// A failed write is the printer's to report; fmt.State has no way to.
	_, _ = io.WriteString(s, hidden)
}

// MarshalText returns a placeholder; JSON, XML and slog use it.
func (m Module) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// In returns a tray with room for n bytes, into which the caller writes the input of
// the next operation; nil when n is larger than abi.MaxTray, or while a call is being
// answered. It holds until In is called again; the last reply stays as it is.
func (m *Module) In(n uint32) []byte { return m.open().in(n) }

// Info describes the module, and what it holds at present.
func (m *Module) Info() []byte { return m.open().run((*instance).info, 0, 0, call{}) }

// Selftest runs known answers through what the flavour holds.
func (m *Module) Selftest() []byte { return m.open().run((*instance).selftest, 0, 0, call{}) }

// Ring loads a ring document and wipes the tray.
func (m *Module) Ring(n uint32) []byte {
	return m.open().runSecret((*instance).newRing, n, abi.MaxRing, call{})
}

// Open verifies a request with a ring.
func (m *Module) Open(ring, n uint32) []byte {
	return m.open().run((*instance).openRequest, n, abi.MaxTray, call{first: ring})
}

// Drop lets go of a pack or ring. The secrets of a ring are overwritten.
func (m *Module) Drop(handle uint32) []byte {
	return m.open().run((*instance).drop, 0, 0, call{first: handle})
}

// Load loads a pack in its binary form.
func (m *Module) Load(n uint32) []byte {
	return m.open().run((*instance).load, n, abi.MaxTray, call{})
}

// Decide decides on an event.
func (m *Module) Decide(pack, n uint32) []byte {
	return m.open().run((*instance).decide, n, abi.MaxEvent, call{first: pack})
}

// Explain decides on an event and tells why.
func (m *Module) Explain(pack, n uint32) []byte {
	return m.open().run((*instance).explain, n, abi.MaxEvent, call{first: pack})
}

// DecideBatch decides on every line of an input.
func (m *Module) DecideBatch(pack, n uint32) []byte {
	return m.open().run((*instance).decideBatch, n, abi.MaxTray, call{first: pack})
}

// Answer verifies a request, decodes it, decides and encodes the answer.
func (m *Module) Answer(pack, ring, n uint32) []byte {
	return m.open().run((*instance).answer, n, abi.MaxTray, call{first: pack, second: ring})
}

// Entropy takes the host's randomness, after which the operations that encrypt are
// ready, and wipes the tray.
func (m *Module) Entropy(n uint32) []byte {
	return m.open().runSecret((*instance).addEntropy, n, abi.MaxTray, call{})
}

// Provision builds a wallet payload and wipes the tray.
func (m *Module) Provision(ring, n uint32) []byte {
	return m.open().runSecret((*instance).provision, n, abi.MaxTray, call{first: ring})
}

// Seal seals a text to the ring's recipients and wipes the tray.
func (m *Module) Seal(ring, n uint32) []byte {
	return m.open().runSecret((*instance).seal, n, abi.MaxTray, call{first: ring})
}

// Compile makes a pack of its source.
func (m *Module) Compile(n uint32) []byte {
	return m.open().run((*instance).compile, n, abi.MaxTray, call{})
}
