package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/digest"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/internal/wasmfile"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/snapshot"
)

func (a *app) wasmInspectCmd() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Show what a WASM module needs, offers and holds",
		Long: `Show what a WASM module needs and offers (imports and exports with their types), how large
it and its parts are, what its manifest says, and which pack a snapshot holds. The module is
read and not run. Any WASM module can be looked at; what is none ends with exit code 4.`,
		Example: `  issuant wasm inspect issuant-decide.wasm
  issuant wasm inspect issuant-decide.wasm --format json`,
		Args: moduleArg(&name),
		RunE: func(*cobra.Command, []string) error { return a.wasmInspect(name) },
	}
	return a.verb(cmd, "pretty", "json")
}

// inspected is what there is to say of a module.
type inspected struct {
	name         string
	bytes, gzip  int
	sha256       string
	module       *wasmfile.Module
	manifest     []byte              // compact JSON; nil: it has none
	members      []strictjson.Member // of the manifest
	snapshot     *snapshot.Manifest  // nil: it is none
	memory       wasmfile.Limits
	memoryAbsent bool
}

func (a *app) wasmInspect(name string) error {
	data, m, err := readModule(name)
	if err != nil {
		return err
	}
	x := &inspected{name: name, bytes: len(data), sha256: digest.Of(data), module: m, memoryAbsent: true}
	if x.gzip, err = gzipSize(data); err != nil {
		return err
	}
	if len(m.Memories) == 1 {
		x.memory, x.memoryAbsent = m.Memories[0], false
	}
	if x.manifest, x.members, err = manifestOf(m); err != nil {
		return fail(exitInput, "%s: %w", name, err)
	}
	if _, ok := m.Custom(abi.SnapshotSection); ok {
		if x.snapshot, err = snapshot.ReadManifest(m); err != nil {
			return fail(exitInput, "%s: %w", name, err)
		}
	}
	if a.format == "json" {
		_, err = fmt.Fprintf(a.out, "%s\n", x.json())
	} else {
		_, err = io.WriteString(a.out, x.page(a.style()))
	}
	return err
}

func gzipSize(data []byte) (int, error) {
	var n countWriter
	w, err := gzip.NewWriterLevel(&n, gzip.BestCompression)
	if err != nil {
		return 0, err
	}
	if _, err := w.Write(data); err != nil {
		return 0, err
	}
	return int(n), w.Close()
}

type countWriter int

func (n *countWriter) Write(b []byte) (int, error) {
	*n += countWriter(len(b))
	return len(b), nil
}

// manifestOf returns what the module says of itself, as compact JSON and by members.
func manifestOf(m *wasmfile.Module) (compact []byte, members []strictjson.Member, err error) {
	body, ok := m.Custom(abi.ManifestSection)
	if !ok {
		return nil, nil, nil
	}
	v, err := strictjson.Parse(body, strictjson.Limits{MaxBytes: 64 << 10, MaxDepth: 16})
	if err != nil || v.Kind != strictjson.Object {
		return nil, nil, fmt.Errorf("its section %s is no JSON object", abi.ManifestSection)
	}
	var b bytes.Buffer
	if err := json.Compact(&b, body); err != nil {
		return nil, nil, err
	}
	return b.Bytes(), v.Members, nil
}

func (x *inspected) json() []byte {
	w := canon.NewWriter(nil).Object().Key("file").String(x.name).Key("bytes").Int(int64(x.bytes)).Key("gzip_bytes").Int(int64(x.gzip))
	w.Key("sha256").String(x.sha256).Key("manifest")
	if x.manifest == nil {
		w.Null()
	} else {
		w.Raw(x.manifest)
	}
	if w.Key("snapshot"); x.snapshot == nil {
		w.Null()
	} else {
		w.Raw(x.snapshot.AppendJSON(nil))
	}
	if w.Key("memory_pages"); x.memoryAbsent {
		w.Null()
	} else {
		w.Object().Key("min").Int(int64(x.memory.Min)).Key("max")
		if x.memory.HasMax {
			w.Int(int64(x.memory.Max)).EndObject()
		} else {
			w.Null().EndObject()
		}
	}
	m := x.module
	w.Key("functions").Int(int64(len(m.Funcs))).Key("data_segments").Int(int64(len(m.Data)))
	w.Key("imports").Array()
	for _, i := range m.Imports {
		w.Object().Key("module").String(i.Module).Key("name").String(i.Name).Key("kind").String(i.Kind.String()).Key("type").StringOrNull(importType(m, i)).EndObject()
	}
	w.EndArray().Key("exports").Array()
	for _, e := range m.Exports {
		w.Object().Key("name").String(e.Name).Key("kind").String(e.Kind.String()).Key("type").StringOrNull(exportType(m, e)).EndObject()
	}
	w.EndArray().Key("sections").Array()
	for _, s := range m.Sections {
		w.Object().Key("name").String(sectionTitle(s)).Key("bytes").Int(int64(len(s.Body))).EndObject()
	}
	return w.EndArray().EndObject().Bytes()
}

func importType(m *wasmfile.Module, i wasmfile.Import) string {
	if i.Kind != wasmfile.Func {
		return ""
	}
	return m.Types[i.Type].String()
}

func exportType(m *wasmfile.Module, e wasmfile.Export) string {
	if e.Kind != wasmfile.Func {
		return ""
	}
	t, _ := m.FuncType(e.Index)
	return t.String()
}

// sectionTitle names a section; a custom one by its own name, in quotation marks.
func sectionTitle(s wasmfile.Section) string {
	if s.ID == wasmfile.SectionCustom {
		return fmt.Sprintf("%q", s.Name)
	}
	return wasmfile.SectionName(s.ID)
}

// manifestLines are the members of a manifest, one a line. Imports and exports are left
// out: the page lists those that the module has.
func manifestLines(members []strictjson.Member) (lines []string) {
	for _, m := range members {
		switch v := m.Value; {
		case m.Name == "imports" || m.Name == "exports":
		case v.Kind == strictjson.Array:
			var items []string
			for _, item := range v.Items {
				items = append(items, item.Str)
			}
			lines = append(lines, m.Name+" "+strings.Join(items, " "))
		case v.Kind == strictjson.Bool:
			lines = append(lines, fmt.Sprint(m.Name, " ", v.Bool))
		case m.Name == "built_ms":
			lines = append(lines, m.Name+" "+v.Str+dated(v))
		default:
			lines = append(lines, m.Name+" "+v.Str)
		}
	}
	return lines
}

// dated is the instant of a number of milliseconds, in brackets.
func dated(v strictjson.Value) string {
	ms, ok := v.Int64()
	if !ok {
		return ""
	}
	return " (" + time.UnixMilli(ms).UTC().Format(time.RFC3339) + ")"
}

func (x *inspected) page(st term.Style) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", name, term.Safe(fmt.Sprintf(format, args...)))
	}
	m := x.module
	line("file", "%s", x.name)
	line("size", "%d bytes (%s), gzip %s", x.bytes, megabytes(x.bytes), megabytes(x.gzip))
	line("sha256", "%s", x.sha256)
	if x.manifest == nil {
		line("manifest", "none: no release of Issuant's module")
	} else {
		name := "manifest"
		for _, text := range manifestLines(x.members) {
			line(name, "%s", text)
			name = ""
		}
	}
	if s := x.snapshot; s != nil {
		line("snapshot", "of %s, ABI %d.%d", s.Guest, s.ABI>>16, s.ABI&0xffff)
		line("", "pack %s, handle %d", s.PackID, s.Handle)
	}
	if !x.memoryAbsent {
		most := "without a bound of its own"
		if x.memory.HasMax {
			most = fmt.Sprintf("at most %d", x.memory.Max)
		}
		line("memory", "%d pages of 64 KiB at the start, %s", x.memory.Min, most)
	}
	line("contents", "%s, %s", count(len(m.Funcs), "function"), count(len(m.Data), "data segment"))
	b.WriteString("\n" + st.Paint("sections", term.Bold) + "\n")
	for _, s := range m.Sections {
		fmt.Fprintf(&b, "  %-24s %11d bytes\n", term.Safe(sectionTitle(s)), len(s.Body))
	}
	b.WriteString("\n" + st.Paint(count(len(m.Imports), "import"), term.Bold) + "\n")
	for _, i := range m.Imports {
		fmt.Fprintf(&b, "  %s %s\n", term.Safe(fmt.Sprintf("%s.%s", i.Module, i.Name)), kindAndType(i.Kind, importType(m, i)))
	}
	b.WriteString("\n" + st.Paint(count(len(m.Exports), "export"), term.Bold) + "\n")
	for _, e := range m.Exports {
		fmt.Fprintf(&b, "  %s %s\n", term.Safe(e.Name), kindAndType(e.Kind, exportType(m, e)))
	}
	return b.String()
}

func kindAndType(k wasmfile.Kind, typ string) string {
	if typ == "" {
		return k.String()
	}
	return typ
}
