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
// where the Go command is GoVersion: how the runtime finds a function by a program counter, and
// how files are closed that nobody closed.
var standard = []place{
	{"runtime/symtab.go", "	hdr := datap.pcHeader\n	if hdr.magic", "	unpackFuncs(datap)\n	return\n	hdr := datap.pcHeader\n	if hdr.magic"},
	{"runtime/symtab.go", "	ffb := (*findfuncbucket)(add(unsafe.Pointer(datap.findfunctab), b*unsafe.Sizeof(findfuncbucket{})))\n", "	_, _ = b, i\n"},
	{"runtime/symtab.go", "	idx := ffb.idx + uint32(ffb.subbuckets[i])\n", "	idx := pcOff - uint32(datap.minpc>>16)\n"},
	{"runtime/symtab.go", "	return gostringnocopy(&md.funcnametab[nameOff])\n", "	return md.packedName(nameOff)\n"},
	{"os/file_unix.go", "runtime.SetFinalizer(f.file, (*file).close)", "runtime.KeepAlive(f.file)"}, // the module opens no files
	{"os/file_unix.go", "runtime.SetFinalizer(file, nil)", "runtime.KeepAlive(file)"},
}

// idle are functions of Go's library that do little or nothing in a module, since nothing
// asks for what they do: traces of the scheduler, metrics, profiles, looks for leaks, checks of
// the runtime's own data, memory given back to an operating system, calls to C, time zones.
// What stands behind each is what it does.
var idle = []struct{ file, function, does string }{
	{"internal/bisect/bisect.go", "(m *Matcher) Stack(w Writer) bool", "return true"},
	{"internal/bisect/bisect.go", "New(pattern string) (*Matcher, error)", "return nil, nil"},                        // of GODEBUG=name=value#pattern
	{"math/big/natconv.go", "divisors(stk *stack, m int, b Word, ndigits int, bb Word) []divisor", "return nil"},     // for long numbers, which are then written the slow way
	{"reflect/makefunc.go", "makeMethodValue(op string, v Value) Value", "panic(`reflect: methods are not linked`)"}, // Go's linker keeps methods by name only where something asks for them so
	{"runtime/cgocall.go", "cgocall(fn, arg unsafe.Pointer) int32", "throw(`no C is linked`)"},
	{"runtime/malloc.go", "profilealloc(mp *m, x unsafe.Pointer, size uintptr)", "return"},
	{"runtime/mcheckmark.go", "checkFinalizersAndCleanups()", "return"},
	{"runtime/mcheckmark.go", "runCheckmark(prepareRootSet func(*gcWork))", "return"},
	{"runtime/metrics.go", "godebug_registerMetric(name string, read func() uint64)", "return"},
	{"runtime/mgc.go", "findGoroutineLeaks() bool", "return true"},
	{"runtime/mgcmark.go", "gcDumpObject(label string, obj, off uintptr)", "return"},
	{"runtime/mgcmark_greenteagc.go", "dumpScanStats()", "return"},
	{"runtime/mgcscavenge.go", "(p *pageAlloc) scavenge(nbytes uintptr, shouldStop func() bool, force bool) uintptr", "return 0"},
	{"runtime/mgcscavenge.go", "bgscavenge(c chan int)", "c <- 1; return"},
	{"runtime/mgcsweep.go", "(s *mspan) reportZombies()", "throw(`found pointer to free object`)"},
	{"runtime/mprof.go", "blockevent(cycles int64, skip int)", "return"},
	{"runtime/mprof.go", "mutexevent(cycles int64, skip int)", "return"},
	{"runtime/mprof.go", "tryRecordGoroutineProfile(gp1 *g, pcbuf []uintptr, yield func())", "return"},
	{"runtime/proc.go", "defaultGOMAXPROCSUpdateEnable()", "return"},
	{"runtime/proc.go", "schedtrace(detailed bool)", "return"},
	{"runtime/runtime1.go", "check()", "return"},
	{"runtime/traceallocfree.go", "(tl traceLocker) SpanFree(s *mspan)", "return"},
	{"runtime/traceback.go", "callCgoSymbolizer(arg *cgoSymbolizerArg)", "return"},
	{"runtime/traceback.go", "cgoContextPCs(ctxt uintptr, buf []uintptr)", "return"},
	{"runtime/traceback.go", "printArgs(f funcInfo, argp unsafe.Pointer, pc uintptr)", "return"},
	{"runtime/traceback.go", "tracebackHexdump(stk stack, frame *stkframe, bad uintptr)", "return"},
	{"runtime/traceruntime.go", "(tl traceLocker) ok() bool", "return false"},
	{"runtime/traceruntime.go", "traceAllocFreeEnabled() bool", "return false"},
	{"runtime/traceruntime.go", "traceEnabled() bool", "return false"},
	{"runtime/traceruntime.go", "traceShuttingDown() bool", "return false"},
	{"runtime/type.go", "typelinksinit()", "return"},                                                                                                                 // it compares the types of more than one module
	{"time/zoneinfo.go", "tzset(s string, lastTxSec, sec int64) (name string, offset int, start, end int64, isDST, ok bool)", "return `UTC`, 0, 0, 0, false, false"}, // rules of time zones, which a module has none of
}

// standardPlaces are all places of Go's library that become other ones.
func standardPlaces() []place {
	list := slices.Clone(standard)
	for _, f := range idle {
		line := "\nfunc " + f.function + " {\n"
		list = append(list, place{f.file, line, line + "\t" + f.does + "\n"})
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
