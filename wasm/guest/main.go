//go:build wasip1

// Command guest is the WASM module: package module behind the exports of wasm/ABI.md.
// Build it with make wasm; natively it only says so.
package main

import (
	"runtime"
	"runtime/debug"
	"unsafe"

	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/module"
)

// instance is made when the module is initialised.
var instance = initialise()

func initialise() *module.Module {
	// A decision leaves some hundred bytes behind: to collect as often as Go does by itself
	// costs nothing that can be measured, and memory ends at a third of what it was at four
	// times that. It is said here so that it is not changed by an environment.
	debug.SetGCPercent(100)
	m, err := module.New(module.Options{})
	if err != nil {
		panic(err) // the built flavour is always there
	}
	return m
}

// main is never called: the module is a reactor.
func main() {}

// calls counts replies.
var calls uint32

// collectEvery is after how many calls garbage is collected. Once Go's collector has begun to
// mark, only calls go on with it, since between them no goroutine runs, and each marks little:
// meanwhile the heap grows beyond what is alive, by half in a million decisions, and WASM's
// memory never shrinks. A collection takes some milliseconds, a hundredth of so many calls.
// The first one comes early, so that what it takes for itself is there from then on.
const (
	collectEvery = 1 << 16
	collectFirst = 1 << 12
)

// result returns where a reply lies. The module holds on to it until the next call.
func result(reply []byte) uint64 {
	if calls++; calls%collectEvery == collectFirst {
		runtime.GC()
	}
	return abi.Result(uint32(uintptr(unsafe.Pointer(unsafe.SliceData(reply)))), uint32(len(reply)))
}

//go:wasmexport issuant_abi
func exportABI() uint32 { return abi.Version }

//go:wasmexport issuant_info
func exportInfo() uint64 { return result(instance.Info()) }

//go:wasmexport issuant_selftest
func exportSelftest() uint64 { return result(instance.Selftest()) }

//go:wasmexport issuant_in
func exportIn(n uint32) uint32 {
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(instance.In(n)))))
}

//go:wasmexport issuant_load
func exportLoad(n uint32) uint64 {
	// What loading leaves behind would count as a part of the heap that lives, up to which
	// the first collection waits, and would be in every snapshot.
	defer runtime.GC()
	return result(instance.Load(n))
}

//go:wasmexport issuant_ring
func exportRing(n uint32) uint64 { return result(instance.Ring(n)) }

//go:wasmexport issuant_decide
func exportDecide(pack, n uint32) uint64 { return result(instance.Decide(pack, n)) }

//go:wasmexport issuant_explain
func exportExplain(pack, n uint32) uint64 { return result(instance.Explain(pack, n)) }

//go:wasmexport issuant_decide_batch
func exportDecideBatch(pack, n uint32) uint64 { return result(instance.DecideBatch(pack, n)) }

//go:wasmexport issuant_open
func exportOpen(ring, n uint32) uint64 { return result(instance.Open(ring, n)) }

//go:wasmexport issuant_answer
func exportAnswer(pack, ring, n uint32) uint64 { return result(instance.Answer(pack, ring, n)) }

//go:wasmexport issuant_entropy
func exportEntropy(n uint32) uint64 { return result(instance.Entropy(n)) }

//go:wasmexport issuant_provision
func exportProvision(ring, n uint32) uint64 { return result(instance.Provision(ring, n)) }

//go:wasmexport issuant_seal
func exportSeal(ring, n uint32) uint64 { return result(instance.Seal(ring, n)) }

//go:wasmexport issuant_compile
func exportCompile(n uint32) uint64 { return result(instance.Compile(n)) }

//go:wasmexport issuant_drop
func exportDrop(handle uint32) uint64 { return result(instance.Drop(handle)) }
