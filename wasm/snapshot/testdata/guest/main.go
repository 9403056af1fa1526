//go:build wasip1

// A small guest with the exports that a snapshot needs. What it answers tells what of
// its state came from the snapshot: how many packs were loaded and calls made, the
// order of a map, and what the two sources of randomness give.
package main

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	mathrand "math/rand/v2"
	"strconv"
	"unsafe"
)

var (
	in, out []byte
	packs   = map[int32]string{}
	ratio   = 1.0
	calls   int
	hoard   [][]byte
)

func main() {}

//go:wasmexport issuant_abi
func version() int32 { return 1 << 16 }

//go:wasmexport issuant_in
func tray(n int32) int32 {
	if n < 0 || n > 1<<20 {
		return 0
	}
	if int(n) > len(in) {
		in = make([]byte, max(n, 1))
	}
	return int32(uintptr(unsafe.Pointer(&in[0])))
}

//go:wasmexport issuant_load
func load(n int32) int64 {
	text := string(in[:n])
	switch text {
	case "bad":
		return reply(310, `{"message": "pack: it is damaged"}`)
	case "wordless":
		return reply(500, `{}`)
	case "lost":
		return 0
	case "panic":
		panic("at your wish")
	case "no handle":
		return reply(0, `{"handle": 0}`)
	}
	packs[int32(len(packs)+1)] = text
	for i := range 20 {
		packs[int32(-i-1)] = "more"
	}
	return reply(0, `{"handle": 1, "pack": {"id": "id of `+strconv.Itoa(len(text))+`"}}`)
}

//go:wasmexport issuant_decide
func decide(pack, n int32) int64 {
	calls++
	ratio /= 2
	b := make([]byte, 8)
	rand.Read(b)
	return reply(0, `{"pack": "`+packs[pack]+`", "calls": `+strconv.Itoa(calls)+`, "ratio": `+strconv.FormatFloat(ratio, 'g', -1, 64)+
		`, "in": "`+hex.EncodeToString(in[:n])+`", "crypto": "`+hex.EncodeToString(b)+`", "math": `+strconv.FormatUint(mathrand.Uint64()>>12, 10)+`}`)
}

// grow takes memory that is kept, and tells whether it was zero.
//
//go:wasmexport grow
func grow(bytes int32) int32 {
	b := make([]byte, bytes)
	for i := range b {
		if b[i] != 0 {
			return 0
		}
	}
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	hoard = append(hoard, b)
	return 1
}

func reply(code uint32, text string) int64 {
	out = append(binary.LittleEndian.AppendUint32(out[:0], code), text...)
	return int64(uintptr(unsafe.Pointer(&out[0])))<<32 | int64(len(out))
}
