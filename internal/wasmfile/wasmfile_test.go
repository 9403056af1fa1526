package wasmfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/internal/wasmfile"
)

// tiny is a module with one of everything: an import, a memory, two globals, a
// function that adds one to its argument, exports, data and a custom section.
func tiny() []byte {
	section := func(id byte, body ...byte) []byte { return append([]byte{id, byte(len(body))}, body...) }
	return bytes.Join([][]byte{
		[]byte("\x00asm\x01\x00\x00\x00"),
		section(1, 2, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 0, 0),
		section(2, append([]byte{1, 3}, "env\x04tick\x00\x01"...)...),
		section(3, 1, 0),
		section(5, 1, 1, 1, 2),
		section(6, 2, 0x7f, 1, 0x41, 0x80, 0x80, 4, 0x0b, 0x7e, 0, 0x42, 0x7f, 0x0b),
		section(7, append(append([]byte{2, 3}, "add\x00\x01\x06"...), "memory\x02\x00"...)...),
		section(10, 1, 7, 0, 0x20, 0, 0x41, 1, 0x6a, 0x0b),
		section(11, append([]byte{1, 0, 0x41, 8, 0x0b, 5}, "hello"...)...),
		section(0, append([]byte{4}, "noteshort"...)...),
	}, nil)
}

func Example() {
	m, err := wasmfile.Parse(tiny())
	if err != nil {
		panic(err)
	}
	for _, i := range m.Imports {
		fmt.Println("import", i.Module, i.Name, m.Types[i.Type])
	}
	for _, e := range m.Exports {
		if t, ok := m.FuncType(e.Index); ok && e.Kind == wasmfile.Func {
			fmt.Println("export", e.Name, t)
		}
	}
	// Output:
	// import env tick () -> ()
	// export add (i32) -> i32
}

func parse(t *testing.T, data []byte) *wasmfile.Module {
	t.Helper()
	m, err := wasmfile.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestEncodeWritesWhatWasRead(t *testing.T) {
	if got := parse(t, tiny()).Encode(); !bytes.Equal(got, tiny()) {
		t.Errorf("encoded:\n%x\nread:\n%x", got, tiny())
	}
}

func TestEncodeWritesWhatWasChanged(t *testing.T) {
	m := parse(t, tiny())
	m.Globals[0].Init.Value = -65
	m.Globals[1].Init.Value = -1 << 63
	m.Memories[0] = wasmfile.Limits{Min: 200}
	m.Data = nil
	m.AddCustom("note", []byte("other"))
	index := m.AddFunc(wasmfile.FuncType{}, []byte{0, 0x0b})
	m.Exports = append(m.Exports, wasmfile.Export{Name: "nothing", Index: index})

	m = parse(t, m.Encode())
	note, _ := m.Custom("note")
	typ, _ := m.FuncType(index)
	switch {
	case m.Globals[0].Init.Value != -65 || m.Globals[1].Init.Value != -1<<63:
		t.Errorf("globals %v", m.Globals)
	case m.Memories[0] != wasmfile.Limits{Min: 200}:
		t.Errorf("memory %v", m.Memories)
	case len(m.Data) != 0:
		t.Errorf("data %v", m.Data)
	case string(note) != "other":
		t.Errorf("note %q", note)
	case index != 2 || !typ.Equal(wasmfile.FuncType{}):
		t.Errorf("function %d: %v", index, typ)
	}
	if _, ok := m.Export("nothing"); !ok {
		t.Error("the new export is not there")
	}
}

func TestSetImageKeepsTheMemory(t *testing.T) {
	m := parse(t, tiny())
	want := must(m.Image())
	if len(want) != wasmfile.PageSize || string(want[8:13]) != "hello" {
		t.Fatalf("%d bytes", len(want))
	}
	for _, write := range []func(i int) bool{
		func(int) bool { return false },
		func(int) bool { return true },
		func(i int) bool { return i == 0 || i == len(want)-1 },
		func(i int) bool { return i%64 == 0 },
		func(i int) bool { return i%65 == 0 },
		func(i int) bool { return i%100 < 37 },
	} {
		for i := range want {
			want[i] = 0
			if write(i) {
				want[i] = byte(i) | 1
			}
		}
		m.SetImage(want)
		m = parse(t, m.Encode())
		if got := must(m.Image()); !bytes.Equal(got, want) {
			t.Errorf("%d segments: the memory differs", len(m.Data))
		}
	}
	big := make([]byte, 64*wasmfile.PageSize)
	for i := 0; i < len(big); i += 70 {
		big[i] = 1
	}
	if m.SetImage(big); len(m.Data) > 10_000 || !bytes.Equal(must(m.Image()), big) {
		t.Errorf("%d segments", len(m.Data))
	}
}

func TestImageTakesLaterDataOverEarlier(t *testing.T) {
	m := parse(t, tiny())
	m.Data = append(m.Data, wasmfile.Segment{Offset: wasmfile.Const{Op: wasmfile.OpI32Const, Value: 9}, Data: []byte("u")})
	if got := must(m.Image()); string(got[8:13]) != "hullo" {
		t.Errorf("%q", got[8:13])
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestSkeletonKeepsAllButCode(t *testing.T) {
	whole := parse(t, tiny())
	bare := parse(t, whole.Skeleton())
	if len(bare.Bodies) != 1 || string(bare.Bodies[0]) != "\x00\x00\x0b" {
		t.Errorf("bodies %x", bare.Bodies)
	}
	if _, ok := bare.Custom("note"); ok {
		t.Error("a custom section is there")
	}
	if fmt.Sprint(whole.Types, whole.Imports, whole.Funcs, whole.Memories, whole.Globals, whole.Exports, whole.Data) !=
		fmt.Sprint(bare.Types, bare.Imports, bare.Funcs, bare.Memories, bare.Globals, bare.Exports, bare.Data) {
		t.Errorf("%+v\n%+v", whole, bare)
	}
}

func TestEncodeAddsMissingSections(t *testing.T) {
	m := parse(t, []byte("\x00asm\x01\x00\x00\x00\x00\x02\x01a"))
	m.Globals = []wasmfile.GlobalVar{{GlobalType: wasmfile.GlobalType{Type: wasmfile.F64}, Init: wasmfile.Const{Op: wasmfile.OpF64Const, Value: -7}}}
	m.Memories = []wasmfile.Limits{{Min: 1}}
	m.Data = []wasmfile.Segment{{Passive: true, Data: []byte("x")}}
	m.AddFunc(wasmfile.FuncType{Results: []wasmfile.ValueType{wasmfile.I32}}, []byte{0, 0x41, 0, 0x0b})
	m = parse(t, m.Encode())
	if len(m.Funcs) != 1 || len(m.Memories) != 1 || len(m.Data) != 1 || m.Globals[0].Init.Value != -7 {
		t.Errorf("%+v", m)
	}
}

func TestParseRefuses(t *testing.T) {
	const head = "\x00asm\x01\x00\x00\x00"
	for _, tt := range []struct{ name, file, want string }{
		{"empty", "", "does not begin with"},
		{"text", "(module)", "does not begin with"},
		{"component", "\x00asm\x0d\x00\x01\x00", "version 1"},
		{"cut header", "\x00asm\x01", "version 1"},
		{"unknown section", head + "\x0d\x00", "at byte 8: a section of the unknown kind 13"},
		{"section too long", head + "\x01\x05\x00", "5 bytes should follow"},
		{"sections in the wrong order", head + "\x03\x01\x00\x01\x01\x00", "stands twice, or too late"},
		{"section twice", head + "\x01\x01\x00\x01\x01\x00", "stands twice, or too late"},
		{"data count after code", head + "\x0a\x01\x00\x0c\x01\x00", "stands twice, or too late"},
		{"rest in a section", head + "\x01\x02\x00\x00", "1 bytes too many"},
		{"more items than bytes", head + "\x01\x05\xff\xff\x3f\x00\x00", "do not fit"},
		{"more items than are read", head + "\x06\x05\xff\xff\xff\xff\x0f", "at most"},
		{"number of six bytes", head + "\x01\x06\x80\x80\x80\x80\x80\x00", "more than five bytes"},
		{"number beyond 32 bits", head + "\x01\x05\xff\xff\xff\xff\x1f", "does not fit 32 bits"},
		{"signed number beyond 32 bits", head + "\x06\x0a\x01\x7f\x00\x41\xff\xff\xff\xff\x4f\x0b", "does not fit 32 bits"},
		{"custom section without a name", head + "\x00\x00", "ends too early"},
		{"name that is not UTF-8", head + "\x00\x02\x01\xff", "not UTF-8"},
		{"type of a struct", head + "\x01\x04\x01\x5f\x00\x00", "no function type"},
		{"unknown value type", head + "\x01\x05\x01\x60\x01\x6c\x00", "no value type"},
		{"function without a body", head + "\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00", "1 functions are declared, and 0"},
		{"function of no type", head + "\x03\x02\x01\x00", "type 0, of 0"},
		{"shared memory", head + "\x05\x04\x01\x03\x01\x02", "shared"},
		{"two memories", head + "\x05\x05\x02\x00\x00\x00\x00", "at most 1"},
		{"memory that shrinks", head + "\x05\x04\x01\x01\x02\x01", "limits from 2 to 1"},
		{"memory beyond 32 bits", head + "\x05\x06\x01\x00\x81\x80\x04\x00", "limits from 65537"},
		{"computed constant", head + "\x06\x08\x01\x7f\x00\x41\x01\x41\x01\x6a", "more than one instruction"},
		{"export of nothing", head + "\x07\x05\x01\x01a\x00\x00", "func 0, of 0"},
		{"export of a tag", head + "\x07\x05\x01\x01a\x04\x00", "kind 4"},
		{"declared data is missing", head + "\x0c\x01\x05", "5 data segments are declared, and 0"},
		{"data of an unknown kind", head + "\x0b\x03\x01\x07\x00", "kind 7"},
	} {
		_, err := wasmfile.Parse([]byte(tt.file))
		var e *wasmfile.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.want) || e.Code() != 363 {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	twice := bytes.Replace(tiny(), []byte("\x06memory\x02\x00"), []byte("\x03add\x02\x00   "), 1)
	if _, err := wasmfile.Parse(twice); err == nil {
		t.Error("an export section with bytes beside its exports was read")
	}
}

func TestParseRefusesWhatIsTooLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 128 MiB")
	}
	if _, err := wasmfile.Parse(make([]byte, wasmfile.MaxFile+1)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Error(err)
	}
}

func TestParseRefusesTruncatedModules(t *testing.T) {
	whole := tiny()
	for n := range whole {
		m, err := wasmfile.Parse(whole[:n])
		if err == nil && len(m.Funcs) != len(m.Bodies) {
			t.Errorf("of %d bytes: %+v", n, m)
		}
	}
	for i, b := range testutil.Mutations(whole, 5000, 8) {
		checkRoundTrip(t, b, fmt.Sprint("mutation ", i))
	}
}

// checkRoundTrip holds what was read to what is written of it.
func checkRoundTrip(t *testing.T, data []byte, name string) {
	m, err := wasmfile.Parse(data)
	if err != nil {
		var e *wasmfile.Error
		if !errors.As(err, &e) || e.Offset > len(data) {
			t.Errorf("%s: %#v", name, err)
		}
		return
	}
	once := m.Encode()
	again, err := wasmfile.Parse(once)
	if err != nil {
		t.Fatalf("%s: what was written of %x is refused: %v\n%x", name, data, err, once)
	}
	if twice := again.Encode(); !bytes.Equal(once, twice) {
		t.Errorf("%s: written twice, it differs:\n%x\n%x", name, once, twice)
	}
	if fmt.Sprint(m.Exports, m.Imports, m.Globals, m.Data) != fmt.Sprint(again.Exports, again.Imports, again.Globals, again.Data) {
		t.Errorf("%s: written and read again, it differs", name)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(tiny())
	f.Add([]byte("\x00asm\x01\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) { checkRoundTrip(t, data, "input") })
}
