//go:build !issuant_lean

package jose

import (
	"slices"
	"strconv"
	"strings"

	"github.com/issuant/issuant/internal/jwa"
)

// Prepared is a header that was checked and written once, for many messages of one
// algorithm: whoever seals thousands a second under one key saves a quarter of the work.
// It is immutable, and safe for concurrent use. Prepare makes one.
type Prepared struct {
	alg, enc string
	texts    []string // what stands before, between and behind the members that change
	members  []string // iv and tag by name, "" for an integer that comes with the message
}

// Varying is a member of a prepared header whose integer is given with each message:
// iat, say. Sign and Seal refuse it.
func Varying(name string) Param { return Param{name: name, kind: paramVarying} }

// Prepare checks what Seal would, for RSA-OAEP-256, A256GCMKW and dir. Errors are
// ErrAlgorithm and ErrHeader.
func Prepare(alg, enc string, header Header) (*Prepared, error) {
	if jwa.ContentOf(enc) == nil || alg != RSAOAEP256 && alg != A256GCMKW && alg != Dir {
		return nil, ErrAlgorithm
	}
	own := []Param{Text("alg", alg), Text("enc", enc)}
	if alg == A256GCMKW {
		own = append(own, mark("iv", "iv"), mark("tag", "tag"))
	}
	h := slices.Clone(header)
	for i := range h {
		if h[i].kind == paramVarying {
			h[i].kind = paramInt
		}
	}
	if err := h.check(own); err != nil {
		return nil, err
	}
	for i := range h {
		if header[i].kind == paramVarying {
			h[i] = mark(h[i].name, "")
		}
	}
	data, err := h.write(nil, own)
	if err != nil {
		return nil, err
	}
	p := &Prepared{alg: alg, enc: enc}
	for i, part := range strings.Split(string(data), cutHere) {
		if i%2 == 0 {
			p.texts = append(p.texts, part)
		} else {
			p.members = append(p.members, part)
		}
	}
	return p, nil
}

// cutHere stands around the name of a member that changes. No JSON text has one.
const cutHere = "\x00"

func mark(name, member string) Param {
	return Param{name: name, text: cutHere + member + cutHere, kind: paramRaw}
}

// Seal is the function Seal with the prepared header; values are the integers of its
// Varying members, in their order. Errors are those of Seal; ErrHeader is another number
// of values.
func (p *Prepared) Seal(key any, plaintext []byte, values ...int64) (string, error) {
	return system.seal(&job{alg: p.alg, enc: p.enc, key: key, prepared: p}, values, plaintext)
}

// encode appends the header of one message.
func (p *Prepared) encode(dst []byte, own []Param, values []int64) ([]byte, error) {
	for i, name := range p.members {
		dst = append(dst, p.texts[i]...)
		if filled := find(own, name); filled != nil {
			dst = append(b64.AppendEncode(append(dst, '"'), *filled.data), '"')
			continue
		}
		if len(values) == 0 {
			return nil, &Error{ErrHeader, "fewer values than members that vary"}
		}
		dst, values = strconv.AppendInt(dst, values[0], 10), values[1:]
	}
	if len(values) > 0 {
		return nil, &Error{ErrHeader, "more values than members that vary"}
	}
	return append(dst, p.texts[len(p.members)]...), nil
}
