package build

import (
	"context"
	"embed"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// overlay are files that the runtime of a module has beside its own.
//
//go:embed overlay
var overlay embed.FS

// standard are the places of Go's library that a module is linked with in another form,
// where the Go command is GoVersion: how the runtime finds a function by a program counter.
var standard = []place{
	{"runtime/symtab.go", "	hdr := datap.pcHeader\n	if hdr.magic", "	unpackFuncs(datap)\n	hdr := datap.pcHeader\n	if hdr.magic"},
	{"runtime/symtab.go", "	ffb := (*findfuncbucket)(add(unsafe.Pointer(datap.findfunctab), b*unsafe.Sizeof(findfuncbucket{})))\n", "	_, _ = b, i\n"},
	{"runtime/symtab.go", "	idx := ffb.idx + uint32(ffb.subbuckets[i])\n", "	idx := pcOff - uint32(datap.minpc>>16)\n"},
	{"runtime/symtab.go", "	return gostringnocopy(&md.funcnametab[nameOff])\n", "	return md.packedName(nameOff)\n"},
}

// prepareStandard writes the files that the Go command is to read in place of its own, and
// returns the name of the list of them.
func (o *Options) prepareStandard(ctx context.Context, dir string) (list string, err error) {
	out, err := o.run(ctx, "env", "GOROOT")
	if err != nil {
		return "", err
	}
	source := filepath.Join(strings.TrimSpace(string(out)), "src")
	replace := map[string]string{}
	copied := func(file string, text []byte) error {
		name := filepath.Join(dir, filepath.FromSlash(file))
		replace[filepath.Join(source, filepath.FromSlash(file))] = name
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		return os.WriteFile(name, text, 0o644)
	}
	for _, p := range standard {
		text, err := os.ReadFile(filepath.Join(source, filepath.FromSlash(p.file)))
		if err != nil {
			return "", err
		}
		if err := copied(p.file, text); err != nil {
			return "", err
		}
	}
	if err := patch(dir, standard); err != nil {
		return "", err
	}
	text, err := overlay.ReadFile("overlay/functab.go")
	if err != nil {
		return "", err
	}
	if err := copied("runtime/functab_issuant.go", []byte(strings.TrimPrefix(string(text), "//go:build ignore\n"))); err != nil {
		return "", err
	}
	text, err = json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	list = filepath.Join(dir, "overlay.json")
	return list, os.WriteFile(list, text, 0o644)
}
