package engine

import (
	"crypto/sha256"
	"encoding"
	"hash"
	"runtime"
	"time"

	"github.com/issuant/issuant/internal/accel"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/digest"
)

// The id of a decision is the SHA-256 of a JSON array of pack id, event id and now,
// which no two triples share.

// idBegin is what the ids of all decisions of a pack begin with.
type idBegin struct {
	text  []byte // up to and including the comma before the event id
	state []byte // of SHA-256 after the first block of text; nil where that is not used
}

// resumesHash: in WASM a block costs twelve times what it costs to take up the state after
// the first one. Natively the block is the cheaper one.
const resumesHash = runtime.GOARCH == "wasm"

func newIDBegin(packID string) idBegin {
	begin := idBegin{text: append(canon.AppendString([]byte{'['}, packID), ',')}
	if resumesHash {
		begin.keepState()
	}
	return begin
}

// keepState fills state, where the text is as long as a block.
func (begin *idBegin) keepState() {
	if len(begin.text) < sha256.BlockSize {
		return
	}
	h := sha256.New()
	h.Write(begin.text[:sha256.BlockSize])
	if m, ok := h.(encoding.BinaryMarshaler); ok {
		begin.state, _ = m.MarshalBinary() // without a state all blocks are hashed
	}
}

// identifier is the memory for making an id, which is used again, and holds the JSON of
// event id and instant until it is cleared.
type identifier struct {
	event, now []byte    // parts of text, or of what took its place where it was too short
	text       [192]byte // as long as the array is with a UUID as event id, and longer
	sum        [sha256.Size]byte
	hash       hash.Hash
	resume     encoding.BinaryUnmarshaler // hash
}

// write writes the id of a decision into id and returns a view of it.
func (m *identifier) write(id *[2 * sha256.Size]byte, begin *idBegin, eventID string, now time.Time) string {
	b := append(m.text[:0], begin.text...)
	b = append(canon.AppendString(b, eventID), ',')
	end := len(b)
	b = append(canon.AppendTime(b, now), ']')
	m.event, m.now = b[len(begin.text):end-1], b[end:len(b)-1]
	m.sumOf(begin, b)
	return digest.Text(id, &m.sum)
}

// of makes m.sum, the hash of the JSON of an event id and an instant.
func (m *identifier) of(begin *idBegin, event, now []byte) {
	b := append(m.text[:0], begin.text...)
	b = append(append(b, event...), ',')
	m.sumOf(begin, append(append(b, now...), ']'))
}

func (m *identifier) sumOf(begin *idBegin, b []byte) {
	if !accel.SHA256(b, &m.sum) && !m.resumed(begin, b) {
		m.sum = sha256.Sum256(b)
	}
}

func (m *identifier) clear() {
	clear(m.text[:])
	m.event, m.now = nil, nil
}

// resumed hashes b, which begins as begin does, from the state after its first block.
func (m *identifier) resumed(begin *idBegin, b []byte) bool {
	if begin.state == nil {
		return false
	}
	if m.hash == nil {
		m.hash = sha256.New()
		m.resume, _ = m.hash.(encoding.BinaryUnmarshaler)
	}
	if m.resume == nil || m.resume.UnmarshalBinary(begin.state) != nil {
		return false
	}
	m.hash.Write(b[sha256.BlockSize:])
	m.hash.Sum(m.sum[:0])
	return true
}
