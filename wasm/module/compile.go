//go:build !issuant_verify && !issuant_decide

package module

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/wasm/abi"
)

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// sourceLimits bounds the source of a pack. Names of files may differ in case.
var sourceLimits = strictjson.Limits{MaxBytes: abi.MaxTray, MaxDepth: 3, MaxValues: 4096, CaseVariants: true}

func (m *instance) compile(c *call) error {
	if err := m.need(full); err != nil {
		return err
	}
	o, err := m.whole(c.in, sourceLimits)
	if err != nil {
		return err
	}
	o.only("files")
	files := sourceFiles{}
	list := o.get("files", strictjson.Object, true)
	for f, ok := list.First(); ok && o.err == nil; f, ok = f.Next(list) {
		name := owned(f.Name())
		if f.Kind() != strictjson.String || !fs.ValidPath(name) || name == "." {
			o.fail("files", "must hold texts by their paths below the pack's folder, with slashes")
		}
		files[name] = owned(f.Str())
	}
	if o.err != nil {
		return o.err
	}
	p, found, more := compile.Check(files, compile.Options{})
	if p == nil {
		return &notCompiled{found, more}
	}
	m.write(func(w *canon.Writer) {
		man := p.Manifest()
		w.Object().Key("pack").Object().Key("id").String(p.ID()).Key("name").String(man.Name).Key("version").String(man.Version).EndObject()
		w.Key("rules").Int(int64(len(man.Rules))).Key("pack_b64").String(base64Of(p.Encode()))
		writeDiagnostics(w, found, more)
		w.EndObject()
	})
	return nil
}

// notCompiled is a pack that does not compile.
type notCompiled struct {
	found []compile.Diagnostic
	more  int
}

func (n *notCompiled) Error() string { return "module: the pack does not compile" }

// Code returns that of compile.Error.
func (n *notCompiled) Code() uint32 { return new(compile.Error).Code() }

func (n *notCompiled) appendReply(dst []byte) []byte {
	w := canon.NewWriter(dst).Object()
	writeError(w, n)
	writeDiagnostics(w, n.found, n.more)
	return w.EndObject().Bytes()
}

func writeDiagnostics(w *canon.Writer, found []compile.Diagnostic, more int) {
	w.Key("diagnostics").Array()
	for i := range found {
		d := &found[i]
		w.Object().Key("code").String(d.Code).Key("severity").String(string(d.Severity)).Key("file").String(d.File)
		w.Key("line").Int(int64(d.Line)).Key("column").Int(int64(d.Column)).Key("end_column").Int(int64(d.EndColumn))
		w.Key("rule").String(d.Rule).Key("message").String(d.Message).Key("hint").String(d.Hint).Key("snippet").String(d.Snippet).EndObject()
	}
	w.EndArray().Key("more").Int(int64(more))
}

// sourceFiles is a folder in memory.
type sourceFiles map[string]string

// Open implements fs.FS.
func (s sourceFiles) Open(name string) (fs.File, error) {
	if text, ok := s[name]; ok {
		return &sourceFile{name: path.Base(name), Reader: strings.NewReader(text)}, nil
	}
	if entries := s.list(name); len(entries) > 0 || name == "." {
		return &sourceFile{name: path.Base(name), entries: entries, Reader: strings.NewReader("")}, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// list returns what lies in a folder, sorted.
func (s sourceFiles) list(dir string) []fs.DirEntry {
	seen := map[string]bool{}
	var list []fs.DirEntry
	for name := range s {
		rest, ok := name, dir == "."
		if !ok {
			rest, ok = strings.CutPrefix(name, dir+"/")
		}
		base, _, folder := strings.Cut(rest, "/")
		if ok && !seen[base] {
			seen[base] = true
			f := &sourceFile{name: base, Reader: strings.NewReader(s[name])}
			if folder {
				f.entries = []fs.DirEntry{}
			}
			list = append(list, fs.FileInfoToDirEntry(f))
		}
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list
}

// sourceFile is a file, or a folder where entries is not nil, and what is known of it.
type sourceFile struct {
	*strings.Reader
	name    string
	entries []fs.DirEntry
}

func (f *sourceFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *sourceFile) Close() error               { return nil }
func (f *sourceFile) Name() string               { return f.name }
func (f *sourceFile) ModTime() time.Time         { return time.Time{} }
func (f *sourceFile) IsDir() bool                { return f.entries != nil }
func (f *sourceFile) Sys() any                   { return nil }

func (f *sourceFile) Mode() fs.FileMode {
	if f.IsDir() {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

// ReadDir implements fs.ReadDirFile.
func (f *sourceFile) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 {
		return nil, errors.ErrUnsupported // the compiler reads whole folders
	}
	return f.entries, nil
}
