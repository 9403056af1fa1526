package module

import (
	"unsafe"

	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/word"
	"github.com/issuant/issuant/wasm/abi"
)

// errFrame is all that is told of a frame that is not one.
var errFrame = badInput("the frame is not what wasm/ABI.md says, or is not as long as its lengths say")

// frame reads a request in the form of abi.Frame. Its texts and body are parts of the
// tray; all lengths are the host's word, and together they must be the input's length.
func (m *instance) frame(in []byte) error {
	text := unsafe.String(unsafe.SliceData(in), len(in))
	if len(text) < abi.FrameHead || text[1] != 1 {
		return errFrame
	}
	head, lengths, body := word.Load(text, 0), word.Load(text, 16), word.Load(text, 24)
	fields := int(head >> 16 & 0xffff)
	if fields > abi.MaxHeaders {
		return errHeaders
	}
	r := reader{rest: text, at: uint64(abi.FrameHead + fields*abi.FrameField)}
	scheme := r.take(head >> 32)
	method, target := r.take(lengths&(1<<32-1)), r.take(lengths>>32)
	list := m.fields(&r, fields)
	start := r.at
	if r.take(body); r.bad || r.at != uint64(len(in)) {
		return errFrame
	}
	now, err := instant(int64(word.Load(text, 8)))
	m.scratch.arrival = arrival{now, scheme, webhook.Request{Method: method, Target: target, Fields: list, Body: in[start:]}}
	return err
}

// reader takes texts of given lengths, one behind the other.
type reader struct {
	rest string
	at   uint64
	bad  bool // a length went beyond the end
}

func (r *reader) take(n uint64) string {
	if r.at > uint64(len(r.rest)) || n > uint64(len(r.rest))-r.at {
		r.bad = true
		return ""
	}
	r.at += n
	return r.rest[r.at-n : r.at]
}

// fields reads n headers behind their lengths.
func (m *instance) fields(r *reader, n int) []webhook.Field {
	list := m.scratch.fields[:0]
	for i := range n {
		at := abi.FrameHead + i*abi.FrameField
		if at+abi.FrameField > len(r.rest) {
			r.bad = true
			break
		}
		lengths := word.Load(r.rest, at)
		list = append(list, webhook.Field{Name: r.take(lengths & (1<<32 - 1)), Value: r.take(lengths >> 32)})
	}
	m.scratch.fields = list
	return list
}
