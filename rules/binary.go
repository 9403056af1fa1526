package rules

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/issuant/issuant/internal/code"
)

// The binary form of a pack. Numbers of fixed width are big-endian; uvarints and
// trees are as package logic has them.
//
//	8 bytes   "issuantp"
//	u16       format: 1, or 2
//	u16       0
//	u32, n    canonical manifest (Manifest.AppendCanonical); in format 2 as if it had no rules
//	format 2 only:
//	u32, n    rules, in their order: see rulesBinary
//	u32, n    the lowered conditions, of each rule and then of each section
//	  uvarint   number of leaves
//	  tree      the condition
//	  of each leaf: its text, and uvarint: the number of the tree's node that it is,
//	            from 1 on, or 0 and a tree of its own
//	u32, n    the index: see index_binary.go
//	both:
//	u32       number of lists, each in the order of the manifest's declarations:
//	  u16, n    name
//	  u32       number of entries, sorted by value, each
//	    u16, n    value
//	    i64       nanoseconds since 1970 UTC from which on it is no member; the smallest i64: never
//	32 bytes  SHA-256 of everything before
//
// Format 1 carries source: conditions are compiled when it is loaded. Format 2
// carries the lowered form and its index beside the source, and needs no compiler,
// unless some condition cannot be lowered or has a pattern. Notes of list entries, files and lines of
// rules stay behind.
//
// The digest keeps damage out, not forgers: who can write the file can write other
// trees than the source beside them says, or another index. compile.Verify compares
// them; signatures are package trust's.
const (
	binaryMagic   = "issuantp"
	formatSource  = 1
	formatLowered = 2
	binaryHead    = len(binaryMagic) + 4
	neverExpires  = math.MinInt64
	maxBinaryName = 64
)

// MaxBinaryBytes bounds the binary form of a pack, MaxManifestBytes the manifest
// in it; both inclusive.
const (
	MaxBinaryBytes   = 512 << 20
	MaxManifestBytes = 64 << 20
)

// ErrVersion is wrapped by the errors of Load for a format that this version of
// the engine does not read.
var ErrVersion = code.New(code.Version, "rules: the pack is of a format that is not known")

// ErrNotLowered is returned by Load without a Compiler for a pack that needs one.
var ErrNotLowered = code.New(code.NotLowered, "rules: the pack needs a compiler, which is not linked in: it is in source form, or has patterns or clauses that are not lowered")

// ErrDamaged is wrapped by the errors of Load for bytes that are not a whole pack.
var ErrDamaged = code.New(code.PackFile, "rules: the pack file is damaged")

// ErrForms is returned for a pack whose lowered conditions are not those that its
// source compiles to: it was made by another version of the compiler, or forged.
var ErrForms = code.New(code.PackFile, "rules: the lowered conditions of the pack are not those of its source; compile it anew")

// Compiler compiles the conditions of a manifest: one condition for each rule and
// one for each section, in their order. Package compile has one.
type Compiler interface {
	Regexps
	CompileManifest(m *Manifest) (rules, sections []Condition, err error)
}

// Encode returns the binary form of the pack: format 2, or format 1 when a condition
// is no *Lowered. Equal packs give equal bytes, on every platform.
func (p *Pack) Encode() []byte {
	lowered, ok := p.appendLowered(nil)
	if !ok {
		return p.EncodeSource()
	}
	head := *p.manifest
	head.Rules = nil
	out := append([]byte(binaryMagic), 0, formatLowered, 0, 0)
	out = appendPart(out, head.AppendCanonical(nil))
	return p.appendEnd(append(out, lowered...))
}

// appendLowered appends the parts that only format 2 has.
func (p *Pack) appendLowered(dst []byte) (out []byte, ok bool) {
	var forms []byte
	for _, conds := range [...][]Condition{p.rules, p.sections} {
		for _, c := range conds {
			l, ok := c.(*Lowered)
			if !ok {
				return nil, false
			}
			forms = append(forms, l.raw...)
		}
	}
	dst = appendPart(dst, appendRules(nil, p.manifest.Rules))
	dst = appendPart(dst, forms)
	return appendPart(dst, p.index.append(nil)), true
}

// EncodeSource returns the binary form of the pack, format 1.
func (p *Pack) EncodeSource() []byte {
	out := append([]byte(binaryMagic), 0, formatSource, 0, 0)
	return p.appendEnd(appendPart(out, p.manifest.AppendCanonical(nil)))
}

func appendPart(dst, part []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(part))), part...)
}

// appendEnd appends the lists and the digest.
func (p *Pack) appendEnd(out []byte) []byte {
	out = binary.BigEndian.AppendUint32(out, uint32(len(p.lists)))
	for _, l := range p.lists {
		out = binary.BigEndian.AppendUint16(out, uint16(len(l.Name())))
		out = append(out, l.Name()...)
		entries := l.Entries()
		out = binary.BigEndian.AppendUint32(out, uint32(len(entries)))
		for _, e := range entries {
			out = binary.BigEndian.AppendUint16(out, uint16(len(e.Value)))
			out = append(out, e.Value...)
			at := int64(neverExpires)
			if !e.Expires.IsZero() {
				at = e.Expires.UnixNano()
			}
			out = binary.BigEndian.AppendUint64(out, uint64(at))
		}
	}
	sum := sha256.Sum256(out)
	return append(out, sum[:]...)
}

// Load reads the binary form of a pack. The bytes may be anyone's: sizes are
// checked first, then the digest, then every part, and nothing is kept of a pack
// that fails. c compiles the conditions of format 1, those of format 2 where some cannot be
// lowered, and the patterns of matches; with a nil c it returns ErrNotLowered for such packs. The pack
// shares no memory with b.
func Load(b []byte, c Compiler) (*Pack, error) {
	r, err := openBinary(b)
	if err != nil {
		return nil, err
	}
	if r.format == formatSource {
		return r.loadSource(c)
	}
	return r.loadLowered(c)
}

func (r *binaryReader) loadSource(c Compiler) (*Pack, error) {
	m, err := DecodeManifest(r.part())
	if r.failed {
		return nil, fmt.Errorf("%w: it ends too early", ErrDamaged)
	}
	if err != nil {
		return nil, err
	}
	lists, err := r.lists(m)
	if err != nil {
		return nil, err
	}
	return compileAll(m, c, lists)
}

func (r *binaryReader) loadLowered(c Compiler) (*Pack, error) {
	head, lowered := r.part(), r.rest
	table, forms, index := r.part(), r.part(), r.part()
	if r.failed {
		return nil, fmt.Errorf("%w: it ends too early", ErrDamaged)
	}
	lowered = lowered[:len(lowered)-len(r.rest)]
	texts := string(lowered)        // all texts of the rules are parts of it
	part := func(b []byte) string { // one after another, each after its length
		p := texts[4 : 4+len(b)]
		texts = texts[4+len(b):]
		return p
	}
	m, err := decodeHead(head, part(table))
	if err != nil {
		return nil, err
	}
	lists, err := r.lists(m)
	if err != nil {
		return nil, err
	}
	conds, err := decodeForms(m, part(forms), c)
	if errors.Is(err, ErrNotLowered) && c != nil {
		return recompiled(m, c, lists, lowered)
	}
	if err != nil {
		return nil, err
	}
	x, ok := readIndex(part(index), m.Schema, len(m.Lists), len(m.Rules))
	if !ok {
		return nil, fmt.Errorf("%w: its index is malformed", ErrDamaged)
	}
	return newPack(m, conds[:len(m.Rules)], conds[len(m.Rules):], x, lists)
}

func openBinary(b []byte) (*binaryReader, error) {
	switch {
	case len(b) > MaxBinaryBytes:
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrDamaged, MaxBinaryBytes)
	case len(b) < binaryHead+sha256.Size || string(b[:len(binaryMagic)]) != binaryMagic:
		return nil, fmt.Errorf("%w: it does not start as a pack does", ErrDamaged)
	}
	format := binary.BigEndian.Uint16(b[len(binaryMagic):])
	if format != formatSource && format != formatLowered {
		return nil, fmt.Errorf("%w: %d", ErrVersion, format)
	}
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(want[:], sum) {
		return nil, fmt.Errorf("%w: its digest does not match", ErrDamaged)
	}
	if body[binaryHead-2] != 0 || body[binaryHead-1] != 0 {
		return nil, fmt.Errorf("%w: its head is malformed", ErrDamaged)
	}
	return &binaryReader{rest: body[binaryHead:], format: format}, nil
}

// binaryReader cuts pieces off; after a piece that is not there everything is empty.
type binaryReader struct {
	rest   []byte
	format uint16
	failed bool
}

func (r *binaryReader) bytes(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.failed, r.rest = true, nil
		return nil
	}
	head := r.rest[:n]
	r.rest = r.rest[n:]
	return head
}

func (r *binaryReader) u16() uint16 {
	if b := r.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *binaryReader) u32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *binaryReader) u64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// part cuts off a piece that says how long it is.
func (r *binaryReader) part() []byte {
	n := r.u32()
	if uint64(n) > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return nil
	}
	return r.bytes(int(n))
}

// lists reads all lists, which must be those that the manifest declares.
func (r *binaryReader) lists(m *Manifest) ([]*List, error) {
	if n := r.u32(); r.failed || int64(n) != int64(len(m.Lists)) {
		return nil, fmt.Errorf("%w: its lists are not those that it declares", ErrDamaged)
	}
	var lists []*List
	for i := range m.Lists {
		l, err := r.list(m.Lists[i].Name)
		if err != nil {
			return nil, err
		}
		lists = append(lists, l)
	}
	if len(r.rest) > 0 {
		return nil, fmt.Errorf("%w: something follows its end", ErrDamaged)
	}
	return lists, nil
}

// minEntry is the fewest bytes of an entry; it bounds what is allocated before the
// entries are read.
const minEntry = 2 + 1 + 8

func (r *binaryReader) list(want string) (*List, error) {
	name := string(r.bytes(int(r.u16())))
	n := int64(r.u32())
	if r.failed || name != want || n > MaxListEntries || n*minEntry > int64(len(r.rest)) {
		return nil, fmt.Errorf("%w: a list is malformed", ErrDamaged)
	}
	entries := make([]ListEntry, 0, n)
	for range n {
		e := ListEntry{Value: string(r.bytes(int(r.u16())))}
		if at := int64(r.u64()); at != neverExpires {
			e.Expires = time.Unix(0, at).UTC()
		}
		if r.failed || len(entries) > 0 && entries[len(entries)-1].Value >= e.Value {
			return nil, fmt.Errorf("%w: a list is out of order", ErrDamaged)
		}
		entries = append(entries, e)
	}
	return NewList(name, entries)
}
