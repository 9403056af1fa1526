package build

import (
	"context"
	"embed"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// overlay are files that the runtime of a module has beside its own.
//
//go:embed overlay
var overlay embed.FS

// standard are the places of Go's library that a module is linked with in another form,
// where the Go command is GoVersion: how the runtime finds a function by a program counter.
var standard = []place{
	{"runtime/symtab.go", "	hdr := datap.pcHeader\n	if hdr.magic", "	unpackFuncs(datap)\n	return\n	hdr := datap.pcHeader\n	if hdr.magic"},
	{"runtime/symtab.go", "	ffb := (*findfuncbucket)(add(unsafe.Pointer(datap.findfunctab), b*unsafe.Sizeof(findfuncbucket{})))\n", "	_, _ = b, i\n"},
	{"runtime/symtab.go", "	idx := ffb.idx + uint32(ffb.subbuckets[i])\n", "	idx := pcOff - uint32(datap.minpc>>16)\n"},
	{"runtime/symtab.go", "	return gostringnocopy(&md.funcnametab[nameOff])\n", "	return md.packedName(nameOff)\n"},
}

// idle are functions of the runtime that do nothing in a module, since nothing asks for what
// they do: traces of the scheduler, metrics, profiles, looks for leaks, checks of the runtime's
// own data, memory given back to an operating system, calls to C. What stands behind each is
// what it answers.
var idle = []struct{ file, function, answer string }{
	{"runtime/malloc.go", "profilealloc(mp *m, x unsafe.Pointer, size uintptr)", ""},
	{"runtime/mcheckmark.go", "runCheckmark(prepareRootSet func(*gcWork))", ""},
	{"runtime/mcheckmark.go", "checkFinalizersAndCleanups()", ""},
	{"runtime/metrics.go", "godebug_registerMetric(name string, read func() uint64)", ""},
	{"runtime/mgc.go", "findGoroutineLeaks() bool", "true"},
	{"runtime/mgcmark.go", "gcDumpObject(label string, obj, off uintptr)", ""},
	{"runtime/mgcmark_greenteagc.go", "dumpScanStats()", ""},
	{"runtime/mgcscavenge.go", "(p *pageAlloc) scavenge(nbytes uintptr, shouldStop func() bool, force bool) uintptr", "0"},
	{"runtime/mprof.go", "blockevent(cycles int64, skip int)", ""},
	{"runtime/mprof.go", "mutexevent(cycles int64, skip int)", ""},
	{"runtime/mprof.go", "tryRecordGoroutineProfile(gp1 *g, pcbuf []uintptr, yield func())", ""},
	{"runtime/proc.go", "defaultGOMAXPROCSUpdateEnable()", ""},
	{"runtime/proc.go", "schedtrace(detailed bool)", ""},
	{"runtime/runtime1.go", "check()", ""},
	{"runtime/traceback.go", "callCgoSymbolizer(arg *cgoSymbolizerArg)", ""},
	{"runtime/traceback.go", "cgoContextPCs(ctxt uintptr, buf []uintptr)", ""},
	{"runtime/traceback.go", "tracebackHexdump(stk stack, frame *stkframe, bad uintptr)", ""},
	{"runtime/traceback.go", "printArgs(f funcInfo, argp unsafe.Pointer, pc uintptr)", ""},
	{"runtime/traceruntime.go", "traceEnabled() bool", "false"},
	{"runtime/traceruntime.go", "traceAllocFreeEnabled() bool", "false"},
	{"runtime/traceruntime.go", "traceShuttingDown() bool", "false"},
	{"runtime/traceruntime.go", "(tl traceLocker) ok() bool", "false"},
	{"runtime/type.go", "typelinksinit()", ""}, // it compares the types of more than one module
}

// standardPlaces are all places of Go's library that become other ones.
func standardPlaces() []place {
	list := slices.Clone(standard)
	for _, f := range idle {
		line := "\nfunc " + f.function + " {\n"
		list = append(list, place{f.file, line, line + "\treturn " + f.answer + "\n"})
	}
	return list
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
	all := standardPlaces()
	for _, p := range all {
		if _, ok := replace[filepath.Join(source, filepath.FromSlash(p.file))]; ok {
			continue
		}
		text, err := os.ReadFile(filepath.Join(source, filepath.FromSlash(p.file)))
		if err != nil {
			return "", err
		}
		if err := copied(p.file, text); err != nil {
			return "", err
		}
	}
	if err := patch(dir, all); err != nil {
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
