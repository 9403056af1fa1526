package abi_test

import (
	"fmt"

	"github.com/issuant/issuant/wasm/abi"
)

// A request as the module takes it without JSON around it.
func ExampleFrame() {
	f := abi.Frame{
		NowMs: 1795428000000, Scheme: "pismo", Method: "POST", Path: "/",
		Fields: []abi.Field{{Name: "X-Pismo-Sign", Value: "e30.e30.AA"}}, Body: []byte(`{"a":1}`),
	}
	frame := append(f.AppendHead(nil), f.Body...)
	fmt.Printf("%d bytes\n%x\n%q\n", len(frame), frame[:abi.FrameHead+abi.FrameField], frame[abi.FrameHead+abi.FrameField:])
	// Output:
	// 79 bytes
	// 00010100050000000021d907a2010000040000000100000007000000000000000c0000000a000000
	// "pismoPOST/X-Pismo-Signe30.e30.AA{\"a\":1}"
}
