package payload

import (
	"encoding/binary"
	"fmt"
)

// Packets of OpenPGP (RFC 4880, section 4.3) that a message is made of.
var packetNames = map[byte]string{
	1: "encrypted session key", 2: "signature", 3: "session key by passphrase", 4: "one-pass signature", 8: "compressed",
	9: "encrypted without integrity", 11: "literal", 18: "encrypted, integrity protected", 20: "encrypted, AEAD",
}

var publicKeyAlgorithms = map[byte]string{1: "RSA", 2: "RSA", 16: "Elgamal", 18: "ECDH", 25: "X25519", 26: "X448"}

// openPGP looks at the packets of a message.
func (l *looker) openPGP(data []byte) error {
	if packetNames[tagOf(data[0])] == "" {
		return ErrUnknown // half of all bytes could begin a packet, few a message
	}
	l.Kind = "google_openpgp"
	l.unverified("Google's own object")
	message := data
	for i := 0; len(data) > 0; i++ {
		tag, body, rest, ok := packet(data)
		if !ok || i >= 64 {
			l.problem("packet %d is cut off or malformed", i)
			break
		}
		name := packetNames[tag]
		if name == "" {
			name = fmt.Sprintf("tag %d", tag)
		}
		at := fmt.Sprintf("packets[%d]", i)
		switch {
		case tag == 1 && len(body) >= 10:
			l.add(at, "%s, version %d, to key %016X, %s", name, body[0], binary.BigEndian.Uint64(body[1:9]), orName(publicKeyAlgorithms[body[9]], body[9]))
		case tag == 18 && len(body) > 0:
			l.add(at, "%s, version %d, %d bytes", name, body[0], len(body))
			if body[0] != 1 {
				l.problem("%s has version %d, where 1 is wanted", at, body[0])
			}
		default:
			l.add(at, "%s, %d bytes", name, len(body))
		}
		if tag == 9 || tag == 20 || tag == 11 {
			l.problem("%s is %s: Google asks for version 1 with integrity protection", at, name)
		}
		data = rest
	}
	if l.o.PGP == nil {
		l.NotOpened = "no OpenPGP keys were given"
		return nil
	}
	plaintext, err := l.o.PGP(message)
	if err != nil {
		l.refused(err)
		return nil
	}
	defer clear(plaintext)
	l.opened(plaintext)
	return nil
}

// tagOf is what kind of packet a byte begins, in either format.
func tagOf(b byte) byte {
	if b&0x40 == 0 {
		return b >> 2 & 0xf
	}
	return b & 0x3f
}

func orName(name string, n byte) string {
	if name == "" {
		return fmt.Sprintf("algorithm %d", n)
	}
	return name
}

// packet reads one packet, of either format; parts of a body are joined.
func packet(b []byte) (tag byte, body, rest []byte, ok bool) {
	if b[0]&0x80 == 0 || len(b) < 2 {
		return 0, nil, nil, false
	}
	if b[0]&0x40 == 0 {
		return oldPacket(b)
	}
	tag, b = tagOf(b[0]), b[1:]
	for {
		n, size, partial := newLength(b)
		if size == 0 || n > len(b)-size {
			return 0, nil, nil, false
		}
		body, b = append(body, b[size:size+n]...), b[size+n:]
		if !partial {
			return tag, body, b, true
		}
	}
}

func newLength(b []byte) (n, size int, partial bool) {
	switch {
	case len(b) == 0:
	case b[0] < 192:
		return int(b[0]), 1, false
	case b[0] < 224 && len(b) >= 2:
		return (int(b[0])-192)<<8 + int(b[1]) + 192, 2, false
	case b[0] == 255 && len(b) >= 5 && binary.BigEndian.Uint32(b[1:5]) <= MaxBytes:
		return int(binary.BigEndian.Uint32(b[1:5])), 5, false
	case b[0] >= 224 && b[0] < 255 && b[0]&0x1f <= 20:
		return 1 << (b[0] & 0x1f), 1, true
	}
	return 0, 0, false
}

func oldPacket(b []byte) (tag byte, body, rest []byte, ok bool) {
	size := []int{1, 2, 4, 0}[b[0]&3]
	tag, b = tagOf(b[0]), b[1:]
	if size == 0 {
		return tag, b, nil, true
	}
	if len(b) < size {
		return 0, nil, nil, false
	}
	n := uint64(0)
	for _, c := range b[:size] {
		n = n<<8 | uint64(c)
	}
	if n > uint64(len(b)-size) {
		return 0, nil, nil, false
	}
	return tag, b[size : size+int(n)], b[size+int(n):], true
}
