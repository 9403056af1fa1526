package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/crypto/trust"
	"github.com/issuant/issuant/engine/packtest"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/starter"
)

const (
	maxPackFile = 256 << 20 // bytes, inclusive; a pack's own bounds are narrower
	maxFaults   = 20        // of one pack that are told one by one
)

// packFiles are the files of a pack: a folder with its own folders, or one file.
func packFiles(name string) files {
	if name == "" {
		return files{} // the starter pack is in the binary
	}
	return files{roots: []string{name}, subs: []string{"rules", "lists", "tests"}}
}

// loadPack compiles a pack and runs its own tests; a pack whose tests fail is not
// taken. A compiled file may be sealed, and has to be signed where there is a root to
// check it by; its tests were run by whoever compiled it. The name ""
// is the starter pack.
func loadPack(r *roots, name, place string, now time.Time) (pack *rules.Pack, tests int, a *trust.Artefact, faults []config.Fault) {
	bad := func(class config.Class, format string, args ...any) []config.Fault {
		return []config.Fault{{Place: place, Key: "pack", Msg: fmt.Sprintf(format, args...), Class: class}}
	}
	if name == "" {
		pack, tests, faults = compileFS(starter.FS(), "starter", place)
		return pack, tests, nil, faults
	}
	st, err := os.Stat(name)
	if err != nil {
		return nil, 0, nil, []config.Fault{fileFault(place, "pack", name, err)}
	}
	if err := checkPackModes(name, st.IsDir()); err != nil {
		return nil, 0, nil, bad(config.BadSetting, "%v", err)
	}
	if st.IsDir() && r.packs != nil {
		return nil, 0, nil, bad(config.BadKeyFile, "%s is a folder, and trust.packs wants a signed file; make one with: issuant pack sign", name)
	}
	if st.IsDir() {
		pack, tests, faults = compileFS(os.DirFS(name), name, place)
		return pack, tests, nil, faults
	}
	if st.Size() > maxPackFile {
		return nil, 0, nil, bad(config.BadRules, "%s is longer than %d bytes", name, maxPackFile)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, 0, nil, []config.Fault{fileFault(place, "pack", name, err)}
	}
	data, a, err = r.openPack(data, now)
	if err != nil {
		return nil, 0, nil, bad(config.BadKeyFile, "%s: %v", name, err)
	}
	if pack, err = compile.Load(data); err != nil {
		return nil, 0, nil, bad(config.BadRules, "%s: %v", name, err)
	}
	if err := isAbout(a, pack); err != nil {
		return nil, 0, nil, bad(config.BadKeyFile, "%s: %v", name, err)
	}
	return pack, 0, a, fits(pack, place)
}

// checkPackModes: whoever may write a rule may approve cards.
func checkPackModes(name string, dir bool) error {
	if !dir {
		if err := checkTrusted(name, false); err != nil {
			return inFile("", name, err)
		}
		return nil
	}
	for _, file := range packFiles(name).list() {
		if err := checkTrusted(file, false); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func compileFS(fsys fs.FS, name, place string) (*rules.Pack, int, []config.Fault) {
	pack, err := compile.FS(fsys, compile.Options{})
	if err != nil {
		return nil, 0, compileFaults(name, place, err)
	}
	if f := fits(pack, place); f != nil {
		return nil, 0, f
	}
	cases, err := compile.Tests(fsys, pack)
	if err != nil {
		return nil, 0, compileFaults(name, place, err)
	}
	report, err := packtest.Run(pack, cases, packtest.Options{})
	if err != nil {
		return nil, 0, compileFaults(name, place, err)
	}
	if report.Failed > 0 {
		return nil, 0, testFaults(name, report)
	}
	return pack, report.Passed, nil
}

// fits: a pack that judges another schema would find every fact absent.
func fits(pack *rules.Pack, place string) []config.Fault {
	if s := pack.Schema(); s.Name() != "event" || s.Version() != 1 {
		return []config.Fault{{Place: place, Key: "pack", Class: config.BadRules,
			Msg: fmt.Sprintf("it judges the schema %s/v%d; what the counterparts send is event/v1", s.Name(), s.Version())}}
	}
	return nil
}

// compileFaults are the diagnostics, one line each.
func compileFaults(name, place string, err error) []config.Fault {
	var ce *compile.Error
	if !errors.As(err, &ce) {
		return []config.Fault{{Place: place, Key: "pack", Msg: fmt.Sprintf("%s: %v", name, err), Class: config.BadRules}}
	}
	var list []config.Fault
	for _, d := range ce.Diagnostics {
		if d.Severity != compile.SeverityError {
			continue
		}
		at := filepath.Join(name, filepath.FromSlash(d.File))
		if d.Line > 0 {
			at = fmt.Sprintf("%s:%d:%d", at, d.Line, d.Column)
		}
		msg := d.Code + ": " + d.Message
		if d.Hint != "" {
			msg += "; " + d.Hint
		}
		list = append(list, config.Fault{Place: at, Msg: msg, Class: config.BadRules})
	}
	return shortened(list, ce.More)
}

func testFaults(name string, report *packtest.Report) []config.Fault {
	var list []config.Fault
	for _, r := range report.Results {
		if r.Status == packtest.Failed {
			at := fmt.Sprintf("%s:%d", filepath.Join(name, filepath.FromSlash(r.File)), r.Line)
			list = append(list, config.Fault{Place: at, Msg: fmt.Sprintf("the pack's own test %q fails: %s", r.Name, r.Diff[0]), Class: config.BadTests})
		}
	}
	return shortened(list, 0)
}

func shortened(list []config.Fault, more int) []config.Fault {
	if len(list) > maxFaults {
		more += len(list) - maxFaults
		list = list[:maxFaults]
	}
	if more > 0 {
		list = append(list, config.Fault{Msg: fmt.Sprintf("and %d more in the pack", more), Class: list[0].Class})
	}
	return list
}
