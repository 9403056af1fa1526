//go:build wasip1 && issuant_accel

package accel

import (
	"crypto"
	"crypto/rsa"
	"encoding/binary"
	"slices"
	"unsafe"

	"github.com/issuant/issuant/internal/base64url"
	"github.com/issuant/issuant/internal/word"
)

// Linked tells whether a host is asked at all.
const Linked = true

// Answers of the host.
const (
	done        = 1
	unsupported = 2
)

// The host keeps nothing: what these functions are given may lie on the stack.

//go:wasmimport issuant_host rsa_verify
//go:noescape
func rsaVerify(alg, e uint32, n unsafe.Pointer, nLen uint32, msg unsafe.Pointer, msgLen uint32, sig unsafe.Pointer, sigLen uint32) uint32

//go:wasmimport issuant_host sha256
//go:noescape
func sha256(msg unsafe.Pointer, msgLen uint32, out unsafe.Pointer) uint32

//go:wasmimport issuant_host hmac
//go:noescape
func hmac(hash uint32, key unsafe.Pointer, keyLen uint32, msg unsafe.Pointer, msgLen uint32, out unsafe.Pointer) uint32

//go:wasmimport issuant_host sha256_text
//go:noescape
func sha256Text(msg unsafe.Pointer, msgLen uint32, out unsafe.Pointer) uint32

//go:wasmimport issuant_host jws_decode
//go:noescape
func jwsDecode(text unsafe.Pointer, textLen uint32, out unsafe.Pointer) uint32

//go:wasmimport issuant_host jws_verify
//go:noescape
func jwsVerify(alg, e uint32, n unsafe.Pointer, nLen uint32, token unsafe.Pointer, tokenLen uint32, out unsafe.Pointer) uint32

func start(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

// VerifyRSA asks the host whether sig is a signature of the message. done is false
// where the host was not asked, or does not do this one.
func VerifyRSA(pub *rsa.PublicKey, hash crypto.Hash, pss bool, msg string, sig []byte) (holds, asked bool) {
	alg := algorithm(hash, pss)
	n, size := modulus(pub)
	if alg == 0 || size == 0 || len(sig) == 0 {
		return false, false
	}
	answer := rsaVerify(alg, uint32(pub.E), n, size, unsafe.Pointer(unsafe.StringData(msg)), uint32(len(msg)), start(sig), uint32(len(sig)))
	return answer == done, answer != unsupported
}

// modulus is where the bytes of a key's modulus lie, the lowest one first: the words of a
// number, least first and each little-endian, are its bytes.
func modulus(pub *rsa.PublicKey) (n unsafe.Pointer, size uint32) {
	words := pub.N.Bits()
	return unsafe.Pointer(unsafe.SliceData(words)), uint32(len(words)) * uint32(unsafe.Sizeof(words[0]))
}

// payloadLen is what the host writes before a payload: the length of its text, in bytes.
const payloadLen = 4

// VerifyJWS has the host verify a token, whose header says nothing that the caller has
// not seen to, and decode its payload into dst's memory where it is enough. The host
// refuses a weak key. payload is nil where it does not take the token, for whatever reason.
func VerifyJWS(dst []byte, pub *rsa.PublicKey, hash crypto.Hash, pss bool, token string) (payload []byte) {
	alg := algorithm(hash, pss)
	n, size := modulus(pub)
	if alg == 0 || size == 0 {
		return nil
	}
	if room := payloadLen + base64url.Len(len(token)); cap(dst) < room {
		dst = make([]byte, room)
	}
	dst = dst[:cap(dst)]
	if jwsVerify(alg, uint32(pub.E), n, size, unsafe.Pointer(unsafe.StringData(token)), uint32(len(token)), start(dst)) != done {
		return nil
	}
	// No answer of a host leads beyond the text.
	text := int(word.Load4(Text(dst), 0))
	if text > len(token) {
		return nil
	}
	end := payloadLen + base64url.Len(text)
	return dst[payloadLen:end:end]
}

// DecodeJWS has the host decode what stands behind a token's header: payload, dot and
// signature, into dst's memory where it is enough. payload is nil where the host takes it
// for none.
func DecodeJWS(dst []byte, text string) (payload, signature []byte, dot int) {
	const lengths = 4 // of the payload's text
	// Of two parts, each is rounded down; one byte for each is never too little.
	dst = slices.Grow(dst[:0], lengths+base64url.Len(len(text)))[:lengths]
	if jwsDecode(unsafe.Pointer(unsafe.StringData(text)), uint32(len(text)), start(dst)) != done {
		return nil, nil, 0
	}
	dot = int(binary.LittleEndian.Uint32(dst))
	if dot < 0 || dot >= len(text) || text[dot] != '.' {
		return nil, nil, 0 // no answer of a host leads beyond the text
	}
	n := lengths + base64url.Len(dot)
	m := n + base64url.Len(len(text)-dot-1)
	return dst[lengths:n:n], dst[n:m:m], dot
}

// SHA256 has the host write the message's hash into out.
func SHA256(msg []byte, out *[32]byte) bool {
	return sha256(start(msg), uint32(len(msg)), unsafe.Pointer(out)) == done
}

// SHA256Text has the host write the message's hash into out, and its texts.
func SHA256Text(msg []byte, out *Texts) bool {
	return sha256Text(start(msg), uint32(len(msg)), unsafe.Pointer(out)) == done
}

// HMAC has the host append the message's HMAC to dst, with the SHA-2 hash of that many
// bytes.
func HMAC(dst []byte, size int, key, msg []byte) (mac []byte, ok bool) {
	n := bySize(size)
	if n == 0 {
		return dst, false
	}
	var out [64]byte
	if hmac(n, start(key), uint32(len(key)), start(msg), uint32(len(msg)), unsafe.Pointer(&out)) != done {
		return dst, false
	}
	return append(dst, out[:size]...), true
}
