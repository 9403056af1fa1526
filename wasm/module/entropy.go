//go:build !issuant_verify && !issuant_decide

package module

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	mathrand "math/rand"

	"github.com/issuant/issuant/wasm/abi"
)

// entropy is what is known of the host's randomness. Keys and nonces come from WASI's
// random_get and from nowhere else: no package of the standard library takes a seed of
// ours. The bytes that the host hands over are therefore proof that it has thought of
// randomness, and something to compare WASI's with.
type entropy struct {
	given bool
	host  [drawBytes]byte // of what was handed over last
	drawn [drawBytes]byte // of what WASI gave last
}

const drawBytes = 32

// addEntropy takes the host's randomness.
func (m *instance) addEntropy(c *call) error {
	if err := m.need(full); err != nil {
		return err
	}
	if len(c.in) < abi.MinEntropy || len(c.in) > abi.MaxEntropy {
		return ErrEntropy
	}
	e := &m.entropy
	e.given = false
	head := c.in[:drawBytes]
	if uniform(c.in) || subtle.ConstantTimeCompare(head, e.host[:]) == 1 || isFixed(head) {
		return ErrRandomness
	}
	copy(e.host[:], head)
	// Twice: a source that begins anew at each call would give the same.
	for range 2 {
		if err := e.draw(); err != nil {
			return err
		}
	}
	e.given = true
	m.out = append(m.out, "{}"...)
	return nil
}

// ready is asked before anything is encrypted.
func (m *instance) ready() error {
	if err := m.need(full); err != nil {
		return err
	}
	if !m.entropy.given {
		return ErrEntropy
	}
	if err := m.entropy.draw(); err != nil {
		m.entropy.given = false
		return err
	}
	return nil
}

// draw compares what WASI gives with what it gave before, with what the host handed
// over, and with the stream that wazero gives where nobody told it better.
func (e *entropy) draw() error {
	var b [drawBytes]byte
	_, _ = rand.Read(b[:]) // it does not fail: the process ends instead
	defer clear(b[:])
	same := subtle.ConstantTimeCompare(b[:], e.drawn[:]) | subtle.ConstantTimeCompare(b[:], e.host[:])
	if same == 1 || uniform(b[:]) || isFixed(b[:]) {
		return ErrRandomness
	}
	e.drawn = b
	return nil
}

// uniform reports whether all bytes are the same.
func uniform(b []byte) bool { return len(bytes.Trim(b, string(b[:1]))) == 0 }

// fixedBytes is how far into wazero's default stream is looked: a gateway draws some
// hundred bytes before it comes to us.
const fixedBytes = 64 << 10

// isFixed looks for bytes in the stream of math/rand with the seed 42, which is what
// wazero gives as random_get unless it is told otherwise.
func isFixed(b []byte) bool {
	stream := make([]byte, fixedBytes)
	_, _ = mathrand.New(mathrand.NewSource(42)).Read(stream) // it never fails
	return bytes.Contains(stream, b[:16])
}
