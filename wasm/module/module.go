package module

import (
	"encoding/binary"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/wasm/abi"
)

// instance is what is behind a Module.
type instance struct {
	flavour int
	tray    []byte // of inputs; the first taken bytes were asked for
	taken   int
	out     []byte
	busy    bool
	call    call   // under way
	last    uint32 // handle that was given out last
	loaded  []loaded
	doc     strictjson.Doc
	entropy entropy
	scratch scratch
}

// loaded is a pack or a ring under its handle.
type loaded struct {
	handle uint32
	pack   *pack
	ring   *ring
}

var flavours = [...]string{abi.FlavourVerify, abi.FlavourDecide, abi.FlavourFull}

const (
	verify = iota
	decide
	full
)

// keepTray bounds what a tray keeps between two calls, in bytes.
const keepTray = 1 << 20

// in makes room for n bytes.
func (m *instance) in(n uint32) []byte {
	if n > abi.MaxTray || m.busy {
		return nil
	}
	size := max(int(n), 1) // an address even for nothing
	if size > cap(m.tray) || cap(m.tray) > keepTray && size <= keepTray {
		clear(m.tray[:cap(m.tray)])
		m.tray = make([]byte, max(size, 4<<10))
	}
	m.tray, m.taken = m.tray[:cap(m.tray)], int(n)
	return m.tray[:size]
}

// call is one operation's arguments.
type call struct {
	first, second uint32 // handles
	in            []byte
}

// operation answers a call by appending JSON to m.out, or with an error.
type operation func(m *instance, c *call) error

// run runs an operation on the first n bytes of the tray, of which it takes at most
// bound. No panic leaves it.
func (m *instance) run(op operation, n uint32, bound int, c call) (reply []byte) {
	if m.busy {
		return reentrant
	}
	m.busy = true
	defer func() {
		if recover() != nil {
			m.scratch = scratch{} // what broke is not used again
			m.doc = strictjson.Doc{}
			reply = m.refuse(ErrInternal)
		}
		m.busy = false
	}()
	if int64(n) > int64(m.taken) || int64(n) > int64(bound) {
		return m.refuse(ErrTray)
	}
	if cap(m.out) > keepTray {
		m.out = nil
	}
	m.call = c
	m.call.in = m.tray[:n]
	m.out = append(m.out[:0], 0, 0, 0, 0)
	if err := op(m, &m.call); err != nil {
		return m.refuse(err)
	}
	return m.out
}

// runSecret is run for inputs that hold keys or card data: the whole tray is wiped,
// whatever comes of it.
func (m *instance) runSecret(op operation, n uint32, bound int, c call) []byte {
	if !m.busy {
		defer func() {
			clear(m.tray[:cap(m.tray)])
			m.doc = strictjson.Doc{} // it may hold texts that were written with escapes
		}()
	}
	return m.run(op, n, bound, c)
}

// answer is an error whose reply is more than its name and text.
type answer interface{ appendReply(dst []byte) []byte }

// refuse makes the reply to an error.
func (m *instance) refuse(err error) []byte {
	m.out = binary.LittleEndian.AppendUint32(m.out[:0], codeOf(err))
	if a, ok := err.(answer); ok {
		m.out = a.appendReply(m.out)
	} else {
		m.out = appendError(m.out, err)
	}
	return m.out
}

// reentrant is the reply that must not touch what a call under way is writing.
var reentrant = appendError(binary.LittleEndian.AppendUint32(nil, uint32(code.Reentrant)), ErrReentrant)

// write appends JSON to the reply.
func (m *instance) write(f func(w *canon.Writer)) {
	w := canon.NewWriter(m.out)
	f(w)
	m.out = w.Bytes()
}

// keep gives what was loaded a handle, which is never used again.
func (m *instance) keep(l loaded) error {
	if len(m.loaded) >= abi.MaxHandles || m.last == maxHandle {
		return ErrHandles
	}
	m.last++
	l.handle = m.last
	m.loaded = append(m.loaded, l)
	m.write(func(w *canon.Writer) {
		w.Object().Key("handle").Uint(uint64(l.handle))
		if l.pack != nil {
			l.pack.describe(w)
		}
		if l.ring != nil {
			l.ring.describe(w)
		}
		w.EndObject()
	})
	return nil
}

const maxHandle = 1<<31 - 1

func (m *instance) find(handle uint32) *loaded {
	for i := range m.loaded {
		if m.loaded[i].handle == handle {
			return &m.loaded[i]
		}
	}
	return &loaded{}
}

func (m *instance) pack(handle uint32) (*pack, error) {
	if p := m.find(handle).pack; p != nil {
		return p, nil
	}
	return nil, ErrHandle
}

func (m *instance) ring(handle uint32) (*ring, error) {
	if r := m.find(handle).ring; r != nil {
		return r, nil
	}
	return nil, ErrHandle
}

func (m *instance) drop(c *call) error {
	for i := range m.loaded {
		l := m.loaded[i]
		if l.handle != c.first {
			continue
		}
		if l.ring != nil {
			l.ring.wipe()
		}
		last := len(m.loaded) - 1
		copy(m.loaded[i:], m.loaded[i+1:])
		m.loaded[last] = loaded{}
		m.loaded = m.loaded[:last]
		for k := range m.loaded {
			m.loaded[k].forget(l)
		}
		m.out = append(m.out, "{}"...)
		return nil
	}
	return ErrHandle
}

// forget lets go of what was made of another handle.
func (l *loaded) forget(gone loaded) {
	if l.ring != nil {
		l.ring.forgetPack(gone.handle)
	}
}

// need refuses an operation that the flavour does not have.
func (m *instance) need(flavour int) error {
	if m.flavour < flavour {
		return ErrFlavour
	}
	return nil
}
