package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/internal/digest"
	"github.com/issuant/issuant/internal/wasmfile"
	"github.com/issuant/issuant/wasm/abi"
)

// exportStart is what WASI calls the entry of a program.
const exportStart = "_start"

func (a *app) wasmAdaptCmd() *cobra.Command {
	var name, output string
	var start bool
	cmd := &cobra.Command{
		Use:   "adapt FILE --start -o FILE",
		Short: "Change a WASM module for hosts of other habits",
		Long: `Write a module anew for a host that knows WASI's programs and not its reactors.

--start renames the export _initialize to _start, for hosts that call nothing but _start.
Such a host must keep the instance afterwards: one that takes the return of _start for the
end of the program cannot host this module. A host that calls neither needs a snapshot
(issuant wasm build --snapshot), which begins without being initialised.`,
		Example: `  issuant wasm adapt issuant-decide.wasm --start -o issuant-start.wasm`,
		Args:    moduleArg(&name),
		RunE: func(*cobra.Command, []string) error {
			switch {
			case !start:
				return usage("adapt: say what to change: --start")
			case output == "":
				return usage("adapt: -o names the file to write")
			}
			return a.wasmAdapt(name, output)
		},
	}
	cmd.Flags().BoolVar(&start, "start", false, "rename the initialiser to _start")
	cmd.Flags().StringVarP(&output, "output", "o", "", "write the module to this `FILE`")
	return a.verb(cmd, "pretty", "json")
}

func (a *app) wasmAdapt(name, output string) error {
	_, m, err := readModule(name)
	if err != nil {
		return err
	}
	if _, ok := m.Export(exportStart); ok {
		return fail(exitInput, "%s exports %s already", name, exportStart)
	}
	e, ok := m.Export(abi.ExportInitialize)
	if t, _ := m.FuncType(e.Index); !ok || e.Kind != wasmfile.Func || !t.Equal(wasmfile.FuncType{}) {
		return fail(exitInput, "%s exports no function %s", name, abi.ExportInitialize)
	}
	for i := range m.Exports {
		if m.Exports[i].Name == abi.ExportInitialize {
			m.Exports[i].Name = exportStart
		}
	}
	return a.putModule(output, m.Encode())
}

// putModule writes a module and says what was written.
func (a *app) putModule(name string, data []byte) error {
	if err := writeFlagFile("--output", name, data); err != nil {
		return err
	}
	if a.format == "json" {
		_, err := fmt.Fprintf(a.out, "%s\n", builtJSON(name, data))
		return err
	}
	_, err := fmt.Fprintf(a.out, "%s: %d bytes (%s), sha256 %s\n", name, len(data), megabytes(len(data)), digest.Of(data))
	return err
}
