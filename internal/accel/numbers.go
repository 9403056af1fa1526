//go:build wasip1 && issuant_accel

package accel

import "crypto"

// algorithm is the number of an RSA signature algorithm in the interface, 0 for none.
func algorithm(hash crypto.Hash, pss bool) uint32 {
	n := number(hash)
	if n != 0 && pss {
		n += 3
	}
	return n
}

// number is that of a hash in the interface, 0 for none.
func number(hash crypto.Hash) uint32 {
	switch hash {
	case crypto.SHA256:
		return 1
	case crypto.SHA384:
		return 2
	case crypto.SHA512:
		return 3
	}
	return 0
}

// bySize is number for the SHA-2 hash of that many bytes.
func bySize(size int) uint32 {
	switch size {
	case 32:
		return 1
	case 48:
		return 2
	case 64:
		return 3
	}
	return 0
}
