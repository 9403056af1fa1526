// Command mkwasm builds the WASM module and its manifest:
//
//	go run ./wasm/mkwasm -flavour decide -o issuant.wasm    one
//	go run ./wasm/mkwasm -o bin/wasm/                       all flavours, portable and accelerated
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/build"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "mkwasm:", err)
		os.Exit(1)
	}
}

func run() error {
	flavour := flag.String("flavour", "", "verify, decide or full; all of them when absent")
	accel := flag.Bool("accel", false, "the accelerated build, which imports issuant_host")
	out := flag.String("o", "", "file, or with / at its end a folder, to write to")
	root := flag.String("C", "", "folder of the checkout; default: the working folder")
	flag.Parse()
	if *out == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	wanted := []build.Options{{Root: *root, Flavour: *flavour, Accelerated: *accel}}
	if *flavour == "" {
		wanted = nil
		for _, f := range []string{abi.FlavourVerify, abi.FlavourDecide, abi.FlavourFull} {
			wanted = append(wanted, build.Options{Root: *root, Flavour: f}, build.Options{Root: *root, Flavour: f, Accelerated: true})
		}
	}
	for i := range wanted {
		if err := one(&wanted[i], *out); err != nil {
			return err
		}
	}
	return nil
}

func one(opt *build.Options, out string) error {
	if strings.HasSuffix(out, "/") {
		if err := os.MkdirAll(out, 0o755); err != nil {
			return err
		}
		out = filepath.Join(out, opt.Name())
	}
	r, err := build.Guest(context.Background(), *opt)
	if err != nil {
		return err
	}
	if r.Go != build.GoVersion {
		fmt.Fprintf(os.Stderr, "mkwasm: built with %s; published modules are built with %s, and their bytes differ\n", r.Go, build.GoVersion)
	}
	if err := os.WriteFile(out, r.Module, 0o644); err != nil {
		return err
	}
	return os.WriteFile(strings.TrimSuffix(out, ".wasm")+".json", r.Manifest, 0o644)
}
