package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/internal/wasmfile"
)

const wasmHelp = `Build, look at, run and adapt the engine as a WASM module, for what is not written in Go.
Services in Go embed the library, which is several times faster.

Of three flavours each holds the one before it: verify checks signatures, decide also decides on
compiled packs, full also compiles packs and encrypts. wasm/ABI.md is the contract of the
module, wasm/README.md the guide of those who host it.`

func (a *app) wasmCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "wasm",
		Short: "Build, inspect, run and adapt the WASM module",
		Long:  wasmHelp,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownVerb(cmd, args[0])
			}
			return usage("wasm: say what to do: %s", strings.Join(subverbs(cmd), ", "))
		},
	}
	cmd.AddCommand(a.wasmBuildCmd(), a.wasmInspectCmd(), a.wasmRunCmd(), a.wasmAdaptCmd())
	ownFlags(cmd, "format", "now", "pack")
	return cmd
}

// moduleArg takes the one module that a verb is about.
func moduleArg(name *string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return usage("%s: name a module FILE", cmd.Name())
		case len(args) > 1:
			return usage("%s takes one module, not %q too", cmd.Name(), args[1])
		}
		*name = args[0]
		return nil
	}
}

// readModule reads a module from a file. One that is damaged is bad input data.
func readModule(name string) (data []byte, m *wasmfile.Module, err error) {
	if data, err = readFile(name, wasmfile.MaxFile); errors.Is(err, errTooLong) {
		return nil, nil, fail(exitInput, "%w", err)
	} else if errors.Is(err, fs.ErrPermission) {
		return nil, nil, fail(exitUnavailable, "%w", err)
	} else if err != nil {
		return nil, nil, usage("%w", err)
	}
	if m, err = wasmfile.Parse(data); err != nil {
		return nil, nil, fail(exitInput, "%s: %w", name, err)
	}
	return data, m, nil
}

// megabytes prints a size as people compare it.
func megabytes(n int) string {
	if n < 1_000_000 {
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.2f MB", float64(n)/1e6)
}
