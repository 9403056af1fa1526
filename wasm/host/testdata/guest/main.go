//go:build wasip1

// Command guest speaks the module's ABI and misbehaves when it is told to: the tests of
// package host build it. The text of an event names what happens.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"time"
	"unsafe"

	"github.com/issuant/issuant/wasm/abi"
)

var (
	tray    []byte
	out     []byte
	entropy []byte
	calls   int
	kept    [][]byte
	ring    []byte
)

func main() {}

// version is 1.0: to a module of that age hosts speak JSON alone.
//
//go:wasmexport issuant_abi
func version() uint32 { return abi.Major << 16 }

//go:wasmexport issuant_in
func in(n uint32) uint32 {
	if n > abi.MaxTray {
		return 0
	}
	if int(n) > len(tray) {
		tray = make([]byte, max(n, 64<<10))
	}
	return address(tray)
}

func address(b []byte) uint32 { return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

func reply(code uint32, json string) uint64 {
	out = append(out[:0], byte(code), byte(code>>8), byte(code>>16), byte(code>>24))
	out = append(out, json...)
	return abi.Result(address(out), uint32(len(out)))
}

//go:wasmexport issuant_info
func info() uint64 { return reply(0, `{"flavour":"test"}`) }

//go:wasmexport issuant_selftest
func selftest() uint64 { return reply(0, `{}`) }

//go:wasmexport issuant_load
func load(n uint32) uint64 {
	switch string(tray[:n]) {
	case "refused":
		return reply(310, `{"error":"pack_file"}`)
	case "trap":
		<-make(chan int)
	case "no handle":
		return reply(0, `{}`)
	}
	return reply(0, `{"handle":7}`)
}

//go:wasmexport issuant_ring
func loadRing(n uint32) uint64 {
	ring = append([]byte(nil), tray[:n]...)
	return reply(0, `{"handle":8}`) // it does not wipe the tray: the host does
}

//go:wasmexport issuant_entropy
func giveEntropy(n uint32) uint64 {
	entropy = append([]byte(nil), tray[:n]...)
	return reply(0, `{}`)
}

//go:wasmexport issuant_drop
func drop(uint32) uint64 { return reply(0, `{}`) }

//go:wasmexport issuant_open
func open(ring, n uint32) uint64 {
	return reply(0, fmt.Sprintf(`{"ring":%d,"in":%s}`, ring, tray[:n]))
}

//go:wasmexport issuant_answer
func answer(pack, ring, n uint32) uint64 {
	return reply(0, fmt.Sprintf(`{"pack":%d,"ring":%d,"in":%s}`, pack, ring, tray[:n]))
}

//go:wasmexport issuant_explain
func explain(pack, n uint32) uint64 { return decide(pack, n) }

//go:wasmexport issuant_decide_batch
func batch(pack, n uint32) uint64 { return reply(0, string(tray[:n])) }

//go:wasmexport issuant_decide
func decide(pack, n uint32) (result uint64) {
	defer func() {
		if recover() != nil {
			result = reply(500, `{"error":"internal"}`)
		}
	}()
	calls++
	text := string(tray[:n])
	_, event, _ := strings.Cut(text, `"event":`)
	event = strings.Trim(strings.TrimSuffix(event, "}"), `"`)
	if f, ok := events[event]; ok {
		return f()
	}
	return reply(0, text)
}

// The faults of a Go module, and what a host can ask of one.
var events = map[string]func() uint64{
	"panic": func() uint64 { panic("in the handler") },
	"exit":  func() uint64 { os.Exit(7); return 0 },
	"goroutine": func() uint64 {
		go func() { panic("in a goroutine") }()
		time.Sleep(time.Millisecond)
		return 0
	},
	"recursion": func() uint64 { return uint64(recurse(1)) },
	"memory": func() uint64 {
		for {
			kept = append(kept, make([]byte, 1<<20))
		}
	},
	"deadlock": func() uint64 { <-make(chan int); return 0 },
	"endless": func() uint64 {
		for i := 0; ; i++ {
			calls += i
		}
	},
	"refuse": func() uint64 { return reply(401, `{"error":"event","message":"engine: no event"}`) },
	"nil":    func() uint64 { var p *int; return uint64(*p) },
	"grow": func() uint64 {
		kept = append(kept, make([]byte, 24<<20))
		return reply(0, `{}`)
	},
	"outside":  func() uint64 { return abi.Result(0xfffffff0, 64) },
	"short":    func() uint64 { return abi.Result(address(tray), 3) },
	"calls":    func() uint64 { return reply(0, fmt.Sprint(calls)) },
	"entropy":  func() uint64 { return reply(0, hex.EncodeToString(entropy)) },
	"random":   func() uint64 { b := make([]byte, 16); rand.Read(b); return reply(0, hex.EncodeToString(b)) },
	"clock":    func() uint64 { return reply(0, fmt.Sprint(time.Now().UnixMilli())) },
	"elapsed":  func() uint64 { start := time.Now(); return reply(0, fmt.Sprint(int64(time.Since(start)))) },
	"surround": surround,
	"tray":     func() uint64 { return reply(0, fmt.Sprint(strings.Contains(string(tray), "key of the ring"))) },
	"ring":     func() uint64 { return reply(0, string(ring)) },
	"stderr": func() uint64 {
		fmt.Fprintln(os.Stderr, "first line")
		fmt.Fprintln(os.Stderr, strings.Repeat("-", 20_000))
		fmt.Fprintln(os.Stderr, "last line")
		<-make(chan int)
		return 0
	},
}

//go:noinline
func recurse(n int) int {
	var pad [256]byte
	pad[n%256] = 1
	return recurse(n+1) + int(pad[(n+1)%256])
}

// surround tells what of the host can be seen.
func surround() uint64 {
	_, err := os.ReadDir("/")
	_, err2 := os.ReadFile("/etc/passwd")
	return reply(0, fmt.Sprint(len(os.Args), len(os.Environ()), err != nil, err2 != nil))
}
