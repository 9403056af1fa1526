package host

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/wasm/abi"
)

// instance is one linear memory with what runs in it. It belongs to one goroutine at a
// time, which the pool sees to; nothing hands it out.
type instance struct {
	gen    *generation
	mod    api.Module
	mem    api.Memory
	funcs  map[string]api.Function
	stderr stderr
	stack  [4]uint64 // parameters and result of one call

	minor      uint32 // version of the ABI
	pack, ring uint32 // handles; 0: not loaded
	tray, room uint32 // where the tray lies that the module gave last, and for how many bytes
	secret     bool   // a ring was loaded: the memory holds keys
	broken     bool   // it must not answer again

	born time.Time
	base uint32 // bytes of memory when it was ready
	uses int
}

// entropyBytes are what an instance gets of the host's randomness.
const entropyBytes = 64

// needs is what of a generation an export takes handles of.
type needs uint8

const (
	needsPack needs = 1 << iota
	needsRing
	needsAll = needsPack | needsRing
)

// newInstance makes an instance and loads what is needed into it.
func (g *generation) newInstance(ctx context.Context, want needs) (*instance, error) {
	in := &instance{gen: g, funcs: map[string]api.Function{}, born: time.Now()}
	mod, err := g.instantiate(ctx, &in.stderr)
	if err != nil {
		return nil, err
	}
	in.mod, in.mem = mod, mod.Memory()
	if err := in.prepare(ctx, want); err != nil {
		in.close(ctx)
		return nil, err
	}
	in.base = in.mem.Size()
	return in, nil
}

// prepare initialises an instance, checks the version of the ABI, hands over randomness,
// and loads pack and ring. A snapshot exports no initialiser: it has run.
func (in *instance) prepare(ctx context.Context, want needs) error {
	for _, start := range in.gen.profile.starts {
		if f := in.mod.ExportedFunction(start); f != nil {
			if _, err := f.Call(ctx); err != nil {
				return in.fault(start, err)
			}
		}
	}
	if err := in.checkABI(ctx); err != nil {
		return err
	}
	if err := in.giveEntropy(ctx); err != nil {
		return err
	}
	if want&needsPack != 0 {
		if handle, ok := in.gen.snapshotPack(); ok && in.gen.pack == nil {
			in.pack = handle
		} else if in.gen.pack != nil {
			if err := in.load(ctx, abi.ExportLoad, in.gen.pack, &in.pack); err != nil {
				return err
			}
		}
	}
	if ring := in.gen.ring.Reveal(); want&needsRing != 0 && ring != nil {
		in.secret = true
		return in.load(ctx, abi.ExportRing, ring, &in.ring)
	}
	return nil
}

// giveEntropy hands random bytes over; a flavour that encrypts nothing wants none.
func (in *instance) giveEntropy(ctx context.Context) error {
	if in.gen.profile.deaf || in.mod.ExportedFunction(abi.ExportEntropy) == nil {
		return nil
	}
	seed := make([]byte, entropyBytes)
	rand.Read(seed)
	_, err := in.send(ctx, abi.ExportEntropy, nil, seed)
	if code.Of(err) == code.Flavour {
		return nil
	}
	return err
}

func (in *instance) checkABI(ctx context.Context) error {
	version, err := in.invoke(ctx, abi.ExportABI)
	if err != nil {
		return err
	}
	major := uint32(version) >> 16
	if in.minor = uint32(version) & 0xffff; major != abi.Major {
		return code.Wrap(ErrABI, fmt.Sprintf("it has %d.%d, this host knows %d", major, in.minor, abi.Major))
	}
	return nil
}

// load puts bytes into the tray, calls export, and keeps the handle. The tray is cleared:
// the module wipes it where it held keys, and here that need not be believed.
func (in *instance) load(ctx context.Context, export string, content []byte, handle *uint32) error {
	addr, err := in.fill(ctx, content)
	if err != nil {
		return err
	}
	reply, err := in.reply(ctx, export, uint64(len(content)))
	if view, ok := in.mem.Read(addr, uint32(len(content))); ok && in.secret {
		clear(view)
	}
	if err != nil {
		return err
	}
	var loaded struct {
		Handle uint32 `json:"handle"`
	}
	if err := json.Unmarshal(reply, &loaded); err != nil || loaded.Handle == 0 {
		return in.fault(export, errors.New("its answer has no handle"))
	}
	*handle = loaded.Handle
	return nil
}

// send calls an export whose last parameter is the length of its input; handles come
// before it. The parts of the input are written one after another.
func (in *instance) send(ctx context.Context, export string, handles []uint32, parts ...[]byte) ([]byte, error) {
	if _, err := in.fill(ctx, parts...); err != nil {
		return nil, err
	}
	params := make([]uint64, 0, 3)
	for _, h := range handles {
		params = append(params, uint64(h))
	}
	total := 0
	for _, p := range parts {
		total += len(p)
	}
	return in.reply(ctx, export, append(params, uint64(total))...)
}

// fill asks for the tray and writes into it.
func (in *instance) fill(ctx context.Context, parts ...[]byte) (addr uint32, err error) {
	var total uint64
	for _, p := range parts {
		total += uint64(len(p))
	}
	if total > abi.MaxTray {
		return 0, tooLarge
	}
	if addr, err = in.trayFor(ctx, uint32(total)); err != nil {
		return 0, err
	}
	at := addr
	for _, p := range parts {
		// Written even when empty, so that an address outside of the memory shows.
		if !in.mem.Write(at, p) {
			return 0, in.fault(abi.ExportIn, errors.New("the tray lies outside of its memory"))
		}
		at += uint32(len(p))
	}
	return addr, nil
}

// keepTray bounds the tray that is used again, in bytes: of a larger one the module lets
// go when it is asked for another.
const keepTray = 64 << 10

// trayFor returns the address of a tray for n bytes. The module is asked only where the
// last one it gave is too small.
func (in *instance) trayFor(ctx context.Context, n uint32) (addr uint32, err error) {
	if in.tray != 0 && n <= in.room {
		return in.tray, nil
	}
	n = max(n, 4<<10)
	result, err := in.invoke(ctx, abi.ExportIn, uint64(n))
	if err != nil {
		return 0, err
	}
	if addr = uint32(result); addr == 0 {
		return 0, tooLarge
	}
	in.tray, in.room = addr, n
	if n > keepTray {
		in.tray = 0
	}
	return addr, nil
}

// tooLarge is what an input answers that no tray takes; the module says so with address 0.
var tooLarge = &GuestError{Export: abi.ExportIn, Message: "the input is larger than the module's tray", code: uint32(code.TooLarge)}

// reply calls an export that answers an out-tray: its address << 32 | its length. What is
// returned is a copy without the code.
func (in *instance) reply(ctx context.Context, export string, params ...uint64) ([]byte, error) {
	result, err := in.invoke(ctx, export, params...)
	if err != nil {
		return nil, err
	}
	view, ok := in.mem.Read(uint32(result>>32), uint32(result))
	if !ok || len(view) < 4 {
		return nil, in.fault(export, errors.New("its answer lies outside of its memory"))
	}
	reply := append([]byte(nil), view[4:]...)
	if c := binary.LittleEndian.Uint32(view); c != 0 {
		// The module has caught a panic of its own: who knows in what state it is.
		in.broken = in.broken || c == uint32(code.Internal)
		return nil, newGuestError(export, c, reply)
	}
	return reply, nil
}

// invoke calls an export. Whatever does not come back breaks the instance.
func (in *instance) invoke(ctx context.Context, export string, params ...uint64) (result uint64, err error) {
	f := in.funcs[export]
	if f == nil {
		if f = in.mod.ExportedFunction(export); f == nil {
			return 0, code.Wrap(ErrModule, "it does not export "+export+"; wasm/ABI.md says which flavour does")
		}
		in.funcs[export] = f
	}
	copy(in.stack[:], params)
	in.stderr.reset()
	if err := f.CallWithStack(ctx, in.stack[:max(1, len(params))]); err != nil {
		return 0, in.fault(export, err)
	}
	return in.stack[0], nil
}

func (in *instance) fault(export string, err error) error {
	in.broken = true
	return &FaultError{Export: export, Stderr: in.stderr.String(), Err: err}
}

// worn reports whether the instance has served long enough.
func (in *instance) worn(opt *Options) bool {
	return int64(in.mem.Size())-int64(in.base) > opt.MaxGrowth || in.uses >= opt.MaxUses || time.Since(in.born) > opt.MaxAge
}

// close gives the memory back, and clears it where keys were in it: it is the host's
// garbage from then on. Memory that is mapped goes back to the system, which clears it.
func (in *instance) close(ctx context.Context) {
	if in.secret && (in.gen.image == nil || !in.gen.image.CopyOnWrite()) {
		if all, ok := in.mem.Read(0, in.mem.Size()); ok {
			clear(all)
		}
	}
	_ = in.mod.Close(ctx)
}
