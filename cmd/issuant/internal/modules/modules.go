// Package modules has the WASM modules that this tool carries, and builds them where it
// carries none.
package modules

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/wasmfile"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/build"
)

// ErrToolchain is returned where no module is at hand and none can be built.
var ErrToolchain = code.New(code.Toolchain, "modules: this build of the tool carries no WASM module, and cannot build one")

// Flavours are the flavours of the module, each with what the one before it has.
var Flavours = []string{abi.FlavourVerify, abi.FlavourDecide, abi.FlavourFull}

// Kind is a build of the module.
type Kind struct {
	Flavour string // one of Flavours
	Accel   bool   // it asks its host for signatures and hashes
}

// Name returns the name of the module's file, without folder and ending.
func (k Kind) Name() string {
	if k.Accel {
		return "issuant-" + k.Flavour + "-accel"
	}
	return "issuant-" + k.Flavour
}

// Embedded reports whether this tool carries the modules, all of them.
func Embedded() bool { return embedded != nil }

// Get returns a module: the one that the tool carries; else the one that the Go
// toolchain makes of the source, where both are at hand, which takes some seconds and is
// said on progress.
func Get(ctx context.Context, k Kind, progress io.Writer) ([]byte, error) {
	if !slices.Contains(Flavours, k.Flavour) {
		return nil, fmt.Errorf("modules: no flavour %q", k.Flavour)
	}
	if embedded != nil {
		return unpack(embedded, k)
	}
	root := sourceRoot()
	if root == "" {
		return nil, code.Wrap(ErrToolchain, "its source is not here: use a tool that make build made, run this one in a checkout, or name a module with --module FILE")
	}
	if _, err := exec.LookPath("go"); err != nil {
		return nil, code.Wrap(ErrToolchain, "there is no go in PATH: install Go, use a tool that make build made, or name a module with --module FILE")
	}
	fmt.Fprintf(progress, "building %s from %s\n", k.Name(), root)
	r, err := build.Guest(ctx, build.Options{Root: root, Flavour: k.Flavour, Accelerated: k.Accel})
	if err != nil {
		return nil, err
	}
	return r.Module, nil
}

// unpack returns a module that the tool carries.
func unpack(carried fs.FS, k Kind) ([]byte, error) {
	packed, err := carried.Open("dist/" + k.Name() + ".wasm.gz")
	if err != nil {
		return nil, code.Wrap(ErrToolchain, "it was built with other modules than "+k.Name())
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, wasmfile.MaxFile))
}

// sourceRoot finds the root of the repository: above the working folder, or where this
// tool was compiled. "" when it is in neither place.
func sourceRoot() string {
	starts := []string{build.Root()}
	if wd, err := os.Getwd(); err == nil {
		starts = append([]string{wd}, starts...)
	}
	for _, dir := range starts {
		for last := ""; dir != "" && dir != last; last, dir = dir, filepath.Dir(dir) {
			mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
			if err == nil && bytes.HasPrefix(mod, []byte("module github.com/issuant/issuant\n")) {
				return dir
			}
		}
	}
	return ""
}
