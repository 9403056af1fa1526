package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/modules"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/digest"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/snapshot"
)

// moduleFlags say which module is meant.
type moduleFlags struct {
	flavour string
	accel   bool
	file    string
}

func (f *moduleFlags) register(cmd *cobra.Command, flavour string) {
	cmd.Flags().StringVar(&f.flavour, "flavour", flavour, "what the module can: "+strings.Join(modules.Flavours, ", "))
	cmd.Flags().BoolVar(&f.accel, "accel", false, "the build that asks its host for signature checks and hashes (issuant_host)")
	cmd.Flags().StringVar(&f.file, "module", "", "take the module from this `FILE`")
}

// get returns the module's bytes and what it is called.
func (a *app) getModule(cmd *cobra.Command, f *moduleFlags) (data []byte, name string, err error) {
	if f.file != "" {
		if cmd.Flags().Changed("flavour") || f.accel {
			return nil, "", usage("%s: --module names one module; --flavour and --accel choose among others", cmd.Name())
		}
		data, _, err = readModule(f.file)
		return data, f.file, err
	}
	k := modules.Kind{Flavour: f.flavour, Accel: f.accel}
	if !oneOf(f.flavour, modules.Flavours) {
		return nil, "", usage("%s: --flavour %q is not one of %s", cmd.Name(), f.flavour, strings.Join(modules.Flavours, ", "))
	}
	data, err = modules.Get(a.ctx, k, a.progress())
	switch {
	case err == nil:
		return data, k.Name() + ".wasm", nil
	case a.ctx.Err() != nil:
		return nil, "", a.ctx.Err()
	}
	return nil, "", fail(exitUnavailable, "%w", err)
}

func (a *app) wasmBuildCmd() *cobra.Command {
	var f moduleFlags
	var output string
	var loaded bool
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Write the WASM module to a file, also with a pack in it",
		Long: `Write the WASM module to a file. A tool that make build made carries the modules; any other
makes them of the source, with the Go toolchain that it finds.

--snapshot writes a module that begins with the pack of --pack loaded: it starts in less
than a millisecond where hosts support it, in every runtime without being initialised, and the
same module and pack give the same bytes. The pack can be read by who has the file; keys
never get into it. Rules that need the compiler at run time need --flavour full.`,
		Example: `  issuant wasm build --flavour decide -o issuant-decide.wasm
  issuant wasm build --snapshot --pack my-pack -o my-pack.wasm`,
	}
	f.register(cmd, abi.FlavourDecide)
	cmd.Flags().BoolVar(&loaded, "snapshot", false, "write the module with a pack loaded")
	a.packFlag(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to this `FILE` (default the module's own name; a snapshot needs one)")
	packGiven := false
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		packGiven = cmd.Flags().Changed("pack") // and is not the configuration's
		return noArgs(cmd, args)
	}
	cmd.RunE = func(*cobra.Command, []string) error {
		switch {
		case !loaded && packGiven:
			return usage("build: --pack is for --snapshot; a module without it loads a pack when it runs")
		case loaded && output == "":
			return usage("build: -o names the file of the snapshot")
		}
		return a.wasmBuild(cmd, &f, output, loaded)
	}
	return a.verb(cmd, "pretty", "json")
}

func (a *app) wasmBuild(cmd *cobra.Command, f *moduleFlags, output string, loaded bool) error {
	var pack []byte
	if loaded { // rules that do not compile are said before anything is built
		p, err := a.loadPack()
		if err != nil {
			return err
		}
		pack = p.Encode()
	}
	data, name, err := a.getModule(cmd, f)
	if err != nil {
		return err
	}
	if output == "" {
		if f.file != "" {
			return usage("build: -o names the file to write")
		}
		output = name
	}
	if loaded {
		if data, err = snapshot.Build(a.ctx, data, pack); err != nil {
			return a.snapshotError(name, err)
		}
	}
	return a.putModule(output, data)
}

// snapshotError tells a pack that the module refuses from a module that is none of ours.
func (a *app) snapshotError(name string, err error) error {
	var refused *snapshot.GuestError
	switch {
	case a.ctx.Err() != nil:
		return a.ctx.Err()
	case errors.As(err, &refused) && code.Code(refused.Number) == code.NotLowered:
		return fail(exitCompile, "%w; --flavour full takes it", err)
	case errors.As(err, &refused):
		return fail(exitCompile, "%w", err)
	}
	return fail(exitInput, "%s: %w", name, err)
}

// builtJSON is what was written.
func builtJSON(name string, data []byte) []byte {
	return canon.NewWriter(nil).Object().Key("file").String(name).Key("bytes").Int(int64(len(data))).
		Key("sha256").String(digest.Of(data)).EndObject().Bytes()
}
