package compile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

// Options are the settings of a compilation. The zero Options are ready to use.
type Options struct {
	// Schemas are event schemas that packs may name as name/vN beside event/v1.
	Schemas []*rules.Schema
}

// FS compiles the pack whose pack.yaml stands at the root of fsys. Its error is an
// *Error that holds all findings at once; warnings alone do not fail.
func FS(fsys fs.FS, opt Options) (*rules.Pack, error) {
	p, s := compileFS(fsys, opt)
	return p, s.err(code.Compile)
}

// Dir compiles the pack in a folder.
func Dir(dir string) (*rules.Pack, error) { return FS(os.DirFS(dir), Options{}) }

// Check compiles like FS and returns every finding, warnings too, at most
// MaxDiagnostics of them; more tells how many there are beyond that. The pack is
// nil when one of them is an error.
func Check(fsys fs.FS, opt Options) (p *rules.Pack, found []Diagnostic, more int) {
	p, s := compileFS(fsys, opt)
	found, more = s.finish()
	return p, found, more
}

func compileFS(fsys fs.FS, opt Options) (*rules.Pack, *sink) {
	c := &packCompiler{sink: newSink(), fsys: fsys, opt: opt, m: defaults(), machines: newMachines()}
	p := c.run()
	if c.errors > 0 {
		return nil, c.sink
	}
	return p, c.sink
}

// defaults is a manifest before pack.yaml is read.
func defaults() *rules.Manifest {
	return &rules.Manifest{OnError: rules.Yellow, TenuredDays: 30, NoStepUp: rules.Red,
		MaxCost: rules.DefaultMaxCost, StepUp: []string{"app", "sms", "call"}}
}

// packCompiler is the state of one compilation.
type packCompiler struct {
	*sink
	fsys     fs.FS
	opt      Options
	m        *rules.Manifest
	machines *machines
	bytes    int64 // read so far

	onMissing rules.OnMissing // default of rules
	ruleIDs   map[string]span
	ruleFile  map[string]string
	ruleSrc   []clause // one for each rule of m
	sections  []clause // one for each section of m
	paramAt   map[string]anchor
	listAt    map[string]anchor
	packSrc   *source
}

// anchor is where something was declared.
type anchor struct {
	src *source
	at  span
}

func (c *packCompiler) run() *rules.Pack {
	c.ruleFile = map[string]string{}
	c.ruleIDs, c.paramAt, c.listAt = map[string]span{}, map[string]anchor{}, map[string]anchor{}
	c.readPack()
	c.readRules()
	lists := c.readLists()
	if c.m.Schema == nil {
		return nil // reported; nothing that reads fields can be judged without it
	}
	conds := c.conditions()
	if c.errors > 0 {
		return nil
	}
	p, err := rules.NewPack(c.m, conds[:len(c.ruleSrc)], conds[len(c.ruleSrc):], lists...)
	if err != nil {
		c.add(c.packSrc, span{}, "R0110", "", err.Error(), "")
		return nil
	}
	return p
}

// read returns the text of a file, or reports why there is none.
func (c *packCompiler) read(name string, limit int64, limitName string) (*source, bool) {
	src := newSource(name, "")
	f, err := c.fsys.Open(name)
	if err != nil {
		c.add(src, span{}, "R0101", "", "the file cannot be read: "+cause(err), "")
		return src, false
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		c.add(src, span{}, "R0101", "", "the file cannot be read: "+cause(err), "")
		return src, false
	case int64(len(b)) > limit:
		c.add(src, span{}, "R0112", "", fmt.Sprintf("%s: the file has more than %d bytes", limitName, limit), "")
		return src, false
	}
	if c.bytes += int64(len(b)); c.bytes > MaxPackBytes {
		c.add(src, span{}, "R0112", "", fmt.Sprintf("max_pack_bytes: the pack has more than %d bytes", int64(MaxPackBytes)), "")
		return src, false
	}
	src.text = string(trimBOM(b))
	return src, true
}

// cause is an error of a file system without the path, which stands beside it.
func cause(err error) string {
	var pe *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "it does not exist"
	case errors.As(err, &pe):
		return printable(pe.Err.Error())
	}
	return printable(err.Error())
}

// files returns the files of a folder that end in suffix, sorted, and reports what
// stands there and would be passed over in silence.
func (c *packCompiler) files(dir, suffix string) []string {
	entries, err := fs.ReadDir(c.fsys, dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			c.add(newSource(dir, ""), span{}, "R0101", "", "the folder cannot be read: "+cause(err), "")
		}
		return nil
	}
	var list []string
	for _, e := range entries {
		name := e.Name()
		full := path.Join(dir, name)
		switch {
		case strings.HasPrefix(name, "."), strings.EqualFold(path.Ext(name), ".md"):
		case e.IsDir():
			c.add(newSource(full, ""), span{}, "R0113", "", "folders within "+dir+"/ are not read", "move its files to "+dir+"/")
		case strings.HasSuffix(name, suffix):
			list = append(list, full)
		default:
			c.add(newSource(full, ""), span{}, "R0113", "", "the file is not read: files in "+dir+"/ end in "+suffix, "rename or remove it")
		}
	}
	slices.Sort(list)
	if len(list) > MaxFiles {
		c.add(newSource(dir, ""), span{}, "R0112", "", fmt.Sprintf("max_files: the folder has more than %d files", MaxFiles), "")
		return nil
	}
	return list
}

// Load reads the binary form of a pack, and compiles its conditions where they do not
// stand in it in lowered form. The bytes may be anyone's, and the lowered form may say
// other than the source beside it: Verify tells. Errors are those of rules.Load, and *Error for conditions that do
// not compile; its diagnostics have a rule, but no place.
func Load(b []byte) (*rules.Pack, error) { return rules.Load(b, Compiler{}) }

// Verify reads the binary form of a pack and compiles its source: rules.ErrForms tells
// that the lowered conditions are others.
func Verify(b []byte) (*rules.Pack, error) {
	p, err := Load(b)
	if err != nil {
		return nil, err
	}
	conds, sections, err := Compiler{}.CompileManifest(p.Manifest())
	if err != nil {
		return nil, err
	}
	again, err := rules.NewPack(p.Manifest(), conds, sections, p.Lists()...)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again.Encode(), p.Encode()) {
		return nil, rules.ErrForms
	}
	return p, nil
}

// Compiler implements rules.Compiler.
type Compiler struct{}

// CompileManifest compiles the conditions of a manifest under the limits of this
// package.
func (Compiler) CompileManifest(m *rules.Manifest) (conds, sections []rules.Condition, err error) {
	s := newSink()
	var texts, ids []string
	for i := range m.Rules {
		texts, ids = append(texts, m.Rules[i].When), append(ids, m.Rules[i].ID)
	}
	for _, sec := range m.Sections {
		texts, ids = append(texts, sec.When), append(ids, "")
	}
	for i, done := range compileAll(newScope(m), texts, newMachines()) {
		for _, p := range done.problems {
			s.add(nil, span{}, p.code, ids[i], p.msg, p.hint)
		}
		if !done.failed && (done.cond == nil || done.cond.Cost() > m.MaxCost) {
			s.add(nil, span{}, "R0112", ids[i], "max_cost: the condition costs too much", "")
		}
		conds = append(conds, done.cond)
	}
	if err := s.err(code.Compile); err != nil {
		return nil, nil, err
	}
	return conds[:len(m.Rules)], conds[len(m.Rules):], nil
}

// compiled is one condition, or why there is none.
type compiled struct {
	cond         *rules.Lowered // nil also when it cannot be built, which is our own mistake
	problems     []problem
	failed       bool // some problem is an error
	usedP, usedL map[string]bool
}

// compileAll compiles conditions, each by itself, on all cores: what comes out does
// not depend on how many there are.
func compileAll(sc *scope, texts []string, m *machines) []compiled {
	out := make([]compiled, len(texts))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (len(texts)+15)/16) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(texts); i = int(next.Add(1)) - 1 {
				out[i] = compileOne(sc, texts[i], m)
			}
		})
	}
	wait.Wait()
	return out
}

func compileOne(sc *scope, text string, m *machines) (done compiled) {
	ch, root, problems := checkCondition(sc, text)
	done.problems, done.usedP, done.usedL = problems, ch.usedP, ch.usedL
	done.failed = slices.ContainsFunc(problems, func(p problem) bool { return severityOf(p.code) == SeverityError })
	if !done.failed {
		if cond, err := build(ch, root, m); err == nil {
			done.cond = cond
			cond.Normal() // made here, where there are other cores, and not when the index asks
		}
	}
	return done
}
