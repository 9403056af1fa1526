package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
)

// box is what every secret points to. The bytes are captured by the closure, so
// neither fmt nor reflection can reach them from here.
type box struct{ open func() *[]byte }

// seal copies b.
func seal[T ~string | ~[]byte](b T) *box {
	own := append([]byte(nil), b...)
	return &box{func() *[]byte { return &own }}
}

// bytes returns the bytes themselves: nil for no box and after wipe.
func (b *box) bytes() []byte {
	if b == nil {
		return nil
	}
	return *b.open()
}

func (b *box) wipe() {
	if b != nil {
		own := b.open()
		clear(*own)
		*own = nil
	}
}

func (b *box) equal(o *box) bool {
	x, y := b.bytes(), o.bytes()
	return len(x) > 0 && subtle.ConstantTimeCompare(x, y) == 1
}

func placeholder(s fmt.State, text string) {
	// A failed write is the printer's to report; fmt.State has no way to.
	_, _ = io.WriteString(s, text)
}
