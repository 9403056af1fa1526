package snapshot

import (
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/digest"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/internal/wasmfile"
	"github.com/issuant/issuant/wasm/abi"
)

// format is the version of the custom section; others are refused.
const format = 1

// Manifest is what a snapshot says of itself, in its custom section abi.SnapshotSection.
type Manifest struct {
	Guest  string // SHA-256 of the module that it was made from, 64 hexadecimal digits
	Pack   string // SHA-256 of the pack's bytes, as they were loaded; the same form
	PackID string // the pack's own ID, as the module answered it; "" when it gave none
	Handle uint32 // of the loaded pack: what issuant_decide takes
	ABI    uint32 // version of the interface, major << 16 | minor
}

// AppendJSON appends the manifest in its canonical form.
func (m *Manifest) AppendJSON(b []byte) []byte {
	w := canon.NewWriter(b).Object().Key("format").Int(format)
	w.Key("abi").Int(int64(m.ABI)).Key("guest_sha256").String(m.Guest)
	w.Key("handle").Int(int64(m.Handle)).Key("pack_id").String(m.PackID).Key("pack_sha256").String(m.Pack)
	return w.EndObject().Bytes()
}

// ReadManifest returns what a module says of itself as a snapshot. A module without
// such a section is ErrSnapshot.
func ReadManifest(m *wasmfile.Module) (*Manifest, error) {
	body, ok := m.Custom(abi.SnapshotSection)
	if !ok {
		return nil, wrap(ErrSnapshot, "it has no section %s", abi.SnapshotSection)
	}
	if len(body) > maxManifest {
		return nil, wrap(ErrSnapshot, "its section %s has %d bytes", abi.SnapshotSection, len(body))
	}
	v, err := strictjson.Parse(body, strictjson.Limits{MaxDepth: 4})
	if err != nil {
		return nil, wrap(ErrSnapshot, "its section %s is no JSON", abi.SnapshotSection)
	}
	var out Manifest
	number := func(name string) (n uint32) {
		if m, have := v.Get(name); have {
			if i, is := m.Int64(); is && i >= 0 && i <= 0xffff_ffff {
				return uint32(i)
			}
		}
		ok = false
		return 0
	}
	text := func(name string) string {
		m, have := v.Get(name)
		if !have || m.Kind != strictjson.String {
			ok = false
		}
		return m.Str
	}
	if f := number("format"); f != format && ok {
		return nil, wrap(ErrSnapshot, "its section %s has the format %d; this program reads %d", abi.SnapshotSection, f, format)
	}
	out.ABI, out.Handle = number("abi"), number("handle")
	out.Guest, out.Pack, out.PackID = text("guest_sha256"), text("pack_sha256"), text("pack_id")
	if !ok || !digest.Is(out.Guest) || !digest.Is(out.Pack) || out.Handle == 0 {
		return nil, wrap(ErrSnapshot, "a member of its section %s is missing or of another kind", abi.SnapshotSection)
	}
	return &out, nil
}
