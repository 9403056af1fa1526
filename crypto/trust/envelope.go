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
	"github.com/issuant/issuant/internal/strictjson"
)

// prefix is how each signed file begins, and no key document or pack does.
const prefix = `{"payloadType":"application/vnd.issuant.`

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
	return hex.EncodeToString(sum[:16])
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

func parseEnvelope(line []byte) (*envelope, error) {
	bad := func(what string) (*envelope, error) {
		return nil, fmt.Errorf("%w: %s", ErrFile, what)
	}
	v, err := strictjson.Parse(line, strictjson.Limits{MaxBytes: MaxEnvelope})
	if err != nil || v.Kind != strictjson.Object {
		return bad("its first line is not one JSON object")
	}
	e := &envelope{}
	kind, _ := v.Get("payloadType")
	for _, k := range []Kind{Pack, Ring} {
		if kind.Kind == strictjson.String && kind.Str == k.payloadType() {
			e.kind = k
		}
	}
	if e.kind == 0 {
		return bad("it holds neither a pack nor a ring of version 1; use a newer program")
	}
	payload, _ := v.Get("payload")
	list, _ := v.Get("signatures")
	if e.payload, err = encoding.DecodeString(payload.Str); err != nil || payload.Kind != strictjson.String {
		return bad("its payload is not padded standard Base64")
	}
	if list.Kind != strictjson.Array || len(list.Items) == 0 || len(list.Items) > MaxSignatures {
		return bad(fmt.Sprintf("it has not 1 to %d signatures", MaxSignatures))
	}
	for _, item := range list.Items {
		id, _ := item.Get("keyid")
		sig, _ := item.Get("sig")
		raw, err := encoding.DecodeString(sig.Str)
		if err != nil || id.Kind != strictjson.String || sig.Kind != strictjson.String || len(raw) != ed25519.SignatureSize {
			return bad("a signature has not keyid and sig, 64 bytes in Base64")
		}
		e.signatures = append(e.signatures, signature{id.Str, raw})
	}
	if !e.sorted() || !bytes.Equal(e.bytes(), line) {
		return bad("its first line is not in the one form: order, blanks, each key once")
	}
	return e, nil
}

func (e *envelope) sorted() bool {
	for i := 1; i < len(e.signatures); i++ {
		if e.signatures[i-1].keyID >= e.signatures[i].keyID {
			return false
		}
	}
	return true
}

// add puts a signature in its place; false when that key has signed already.
func (e *envelope) add(s signature) bool {
	i, have := slices.BinarySearchFunc(e.signatures, s, func(a, b signature) int { return strings.Compare(a.keyID, b.keyID) })
	if !have {
		e.signatures = slices.Insert(e.signatures, i, s)
	}
	return !have
}
