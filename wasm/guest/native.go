//go:build !wasip1

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "guest: this is a WASM module; build it with make wasm")
	os.Exit(2)
}
