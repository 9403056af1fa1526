package trust

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/issuant/issuant/internal/canon"
)

// prefix is how each signed file begins, and no key document or pack does.
const prefix = `{"payloadType":"application/vnd.issuant.`

const keyIDLen = 32 // hexadecimal digits

var encoding = base64.StdEncoding.Strict()

// signature is one of an envelope.
type signature struct {
	keyID string
	bytes []byte
}

// envelope is the first line of a signed file.
type envelope struct {
	kind       Kind
	payload    []byte
	signatures []signature // sorted by keyID, each once
}

// pae is DSSE's pre-authentication encoding: lengths before texts, so that nothing can
// be moved from one into the other.
func pae(payloadType string, payload []byte) []byte {
	out := make([]byte, 0, len(payloadType)+len(payload)+32)
	out = append(append(out, "DSSEv1 "...), strconv.Itoa(len(payloadType))...)
	out = append(append(append(out, ' '), payloadType...), ' ')
	out = append(strconv.AppendInt(out, int64(len(payload)), 10), ' ')
	return append(out, payload...)
}

// KeyID returns the name of a public key in envelopes: the first 16 bytes of its
// SHA-256 in hexadecimal digits.
func KeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:keyIDLen/2])
}

// IsSigned tells whether a file says of itself that it is signed: it proves nothing.
func IsSigned(file []byte) bool { return bytes.HasPrefix(file, []byte(prefix)) }

// bytes returns the one text of an envelope, with its line end.
func (e *envelope) bytes() []byte {
	w := canon.NewWriter(nil).Object().Key("payloadType").String(e.kind.payloadType())
	w.Key("payload").String(encoding.EncodeToString(e.payload)).Key("signatures").Array()
	for _, s := range e.signatures {
		w.Object().Key("keyid").String(s.keyID).Key("sig").String(encoding.EncodeToString(s.bytes)).EndObject()
	}
	return append(w.EndArray().EndObject().Bytes(), '\n')
}

// cut takes a signed file apart. content shares its memory.
func cut(file []byte) (e *envelope, content []byte, err error) {
	if !IsSigned(file) {
		return nil, nil, fmt.Errorf("%w: it is not signed at all", ErrUnsigned)
	}
	end := bytes.IndexByte(file[:min(len(file), MaxEnvelope)], '\n')
	if end < 0 {
		return nil, nil, fmt.Errorf("%w: its first line is longer than %d bytes or cut off", ErrFile, MaxEnvelope)
	}
	if e, err = parseEnvelope(file[:end+1]); err != nil {
		return nil, nil, err
	}
	return e, file[end+1:], nil
}

// parseEnvelope reads the one form of the first line: JSON, but of fixed members in a
// fixed order, so that it is cut where they stand. What can be cut has no other text.
func parseEnvelope(line []byte) (*envelope, error) {
	bad := func(what string) (*envelope, error) {
		return nil, fmt.Errorf("%w: %s", ErrFile, what)
	}
	e := &envelope{}
	kind, rest, ok := bytes.Cut(line[len(prefix):], []byte(`.v1+json","payload":"`))
	for _, k := range []Kind{Pack, Ring} {
		if ok && string(kind) == k.String() {
			e.kind = k
		}
	}
	if e.kind == 0 {
		return bad("it holds neither a pack nor a ring of version 1, or its first line is not in the one form; use the program that made it, or a newer one")
	}
	payload, rest, ok := bytes.Cut(rest, []byte(`","signatures":[`))
	if e.payload = decode(payload); !ok || e.payload == nil {
		return bad("its payload is not padded standard Base64, or its first line is not in the one form")
	}
	for more := true; more; {
		if len(e.signatures) == MaxSignatures {
			return bad(fmt.Sprintf("it has more than %d signatures", MaxSignatures))
		}
		var s signature
		if s, rest, ok = cutSignature(rest); !ok || len(e.signatures) > 0 && e.signatures[len(e.signatures)-1].keyID >= s.keyID {
			return bad("a signature has not keyid and sig in the one form, or they are not in the order of their keys, each once")
		}
		e.signatures = append(e.signatures, s)
		rest, more = bytes.CutPrefix(rest, []byte(","))
	}
	if string(rest) != "]}\n" {
		return bad("something stands after its signatures")
	}
	return e, nil
}

func cutSignature(text []byte) (s signature, rest []byte, ok bool) {
	text, ok = bytes.CutPrefix(text, []byte(`{"keyid":"`))
	id, text, ok2 := bytes.Cut(text, []byte(`","sig":"`))
	sig, rest, ok3 := bytes.Cut(text, []byte(`"}`))
	if !ok || !ok2 || !ok3 || len(id) != keyIDLen || len(bytes.Trim(id, "0123456789abcdef")) > 0 {
		return s, nil, false
	}
	s = signature{string(id), decode(sig)}
	return s, rest, len(s.bytes) == ed25519.SignatureSize
}

// decode returns nil for what is no padded standard Base64. The decoder passes over
// line ends, which have no place here.
func decode(text []byte) []byte {
	out := make([]byte, encoding.DecodedLen(len(text)))
	n, err := encoding.Decode(out, text)
	if err != nil || encoding.EncodedLen(n) != len(text) {
		return nil
	}
	return out[:n]
}

// add puts a signature in its place; false when that key has signed already.
func (e *envelope) add(s signature) bool {
	i, have := slices.BinarySearchFunc(e.signatures, s, func(a, b signature) int { return strings.Compare(a.keyID, b.keyID) })
	if !have {
		e.signatures = slices.Insert(e.signatures, i, s)
	}
	return !have
}
