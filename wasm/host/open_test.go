package host

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/digest"
	"github.com/issuant/issuant/wasm/abi"
)

// What the smallest modules consist of.
const (
	i32, i64       = 0x7f, 0x7e
	i32Const       = 0x41
	i64Const       = 0x42
	unreachable    = 0x00
	end            = 0x0b
	functionImport = 0x00
)

// tiny assembles a module: functions that answer a constant, imports, one memory.
type tiny struct {
	imports  [][2]string // () -> (): module and name
	exports  []function
	noMemory bool
	custom   map[string]string
	data     string // at address 64
}

type function struct {
	name   string
	params int // of type i32
	result byte
	answer int64
	trap   bool
}

func (m tiny) bytes() []byte {
	var types, imports, funcs, exports, bodies [][]byte
	types = append(types, []byte{0x60, 0, 0})
	for _, i := range m.imports {
		imports = append(imports, concat(text(i[0]), text(i[1]), []byte{functionImport, 0}))
	}
	for i, f := range m.exports {
		types = append(types, concat([]byte{0x60}, vector(f.params, []byte{i32}), []byte{1, f.result}))
		funcs = append(funcs, leb(uint64(i+1)))
		exports = append(exports, concat(text(f.name), []byte{0}, leb(uint64(len(imports)+i))))
		body := []byte{0, i32Const}
		if f.result == i64 {
			body[1] = i64Const
		}
		body = append(signed(body, f.answer), end)
		if f.trap {
			body = []byte{0, unreachable, end}
		}
		bodies = append(bodies, concat(leb(uint64(len(body))), body))
	}
	b := []byte("\x00asm\x01\x00\x00\x00")
	add := func(id byte, content []byte) { b = concat(b, []byte{id}, leb(uint64(len(content))), content) }
	add(1, list(types))
	add(2, list(imports))
	add(3, list(funcs))
	if !m.noMemory {
		add(5, []byte{1, 0, 1})
		exports = append(exports, concat(text("memory"), []byte{2, 0}))
	}
	add(7, list(exports))
	add(10, list(bodies))
	if m.data != "" {
		add(11, list([][]byte{concat([]byte{0, i32Const}, signed(nil, 64), []byte{end}, text(m.data))}))
	}
	for name, content := range m.custom {
		add(0, concat(text(name), []byte(content)))
	}
	return b
}

func concat(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func leb(n uint64) []byte        { return binary.AppendUvarint(nil, n) }
func text(s string) []byte       { return concat(leb(uint64(len(s))), []byte(s)) }
func list(parts [][]byte) []byte { return concat(leb(uint64(len(parts))), concat(parts...)) }
func vector(n int, item []byte) []byte {
	return concat(leb(uint64(n)), []byte(strings.Repeat(string(item), n)))
}

func signed(b []byte, n int64) []byte {
	for {
		c := byte(n & 0x7f)
		n >>= 7
		if n == 0 && c&0x40 == 0 || n == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

// good is a module that Open takes: it refuses every call with code 0x6d736100, since
// its memory is empty but for zeros, where an answer would be.
func good() tiny {
	return tiny{exports: []function{
		{name: abi.ExportABI, result: i32, answer: abi.Version},
		{name: abi.ExportIn, params: 1, result: i32, answer: 1024},
		{name: abi.ExportInfo, result: i64, answer: int64(abi.Result(64, 4))},
	}}
}

// TestOpenRefusesModules: before anything of them runs, or with the first call.
func TestOpenRefusesModules(t *testing.T) {
	cut := good().bytes()
	for _, c := range []struct {
		name   string
		module []byte
		want   code.Code
		says   string
	}{
		{"sound", good().bytes(), code.OK, ""},
		{"another minor version", with(func(m *tiny) { m.exports[0].answer++ }), code.OK, ""},
		{"another major version", with(func(m *tiny) { m.exports[0].answer = (abi.Major + 1) << 16 }), code.ABI, "it has 2.0, this host knows 1"},
		{"version 0", with(func(m *tiny) { m.exports[0].answer = 0 }), code.ABI, "it has 0.0"},
		{"no version", with(func(m *tiny) { m.exports[0].name = "abi" }), code.Module, "does not export issuant_abi"},
		{"a version of another type", with(func(m *tiny) { m.exports[0].result = i64 }), code.Module, "other parameters or results"},
		{"a version with a parameter", with(func(m *tiny) { m.exports[0].params = 1 }), code.Module, "other parameters or results"},
		{"a version that traps", with(func(m *tiny) { m.exports[0].trap = true }), code.Fault, "unreachable"},
		{"no memory", with(func(m *tiny) { m.noMemory = true }), code.Module, "no memory"},
		{"a foreign import", with(func(m *tiny) { m.imports = [][2]string{{"env", "abort"}} }), code.Module, `it imports "env"."abort"`},
		{"an unknown function of WASI", with(func(m *tiny) { m.imports = [][2]string{{abi.ImportWASI, "fly"}} }), code.Module, ""},
		{"an unknown function of ours", with(func(m *tiny) { m.imports = [][2]string{{abi.ImportHost, "fly"}} }), code.Module, ""},
		{"an initialiser that traps", with(func(m *tiny) {
			m.exports = append(m.exports, function{name: "_initialize", result: i32, trap: true})
		}), code.Fault, "_initialize failed"},
		{"nothing", nil, code.Config, "no Module"},
		{"one byte", []byte{0}, code.Module, ""},
		{"cut off", cut[:len(cut)-3], code.Module, ""},
		{"an ELF file", []byte("\x7fELF and so on"), code.Module, ""},
		{"a component", []byte("\x00asm\x0d\x00\x01\x00"), code.Module, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Open(t.Context(), Options{Module: c.module, SHA256: digest.Of(c.module)})
			if code.Of(err) != c.want || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error: %v (%v)", err, code.Of(err))
			}
			if err == nil {
				if reply, err := p.Info(t.Context()); err != nil || len(reply) != 0 {
					t.Errorf("Info: %q, %v", reply, err)
				}
				p.Close(t.Context())
			}
		})
	}
}

func with(change func(*tiny)) []byte {
	m := good()
	change(&m)
	return m.bytes()
}

func TestOpenRefusesOptions(t *testing.T) {
	module := good().bytes()
	for name, opt := range map[string]Options{
		"no digest":            {Module: module},
		"a negative size":      {Module: module, SHA256: digest.Of(module), Size: -1},
		"a negative age":       {Module: module, SHA256: digest.Of(module), MaxAge: -time.Second},
		"more warm than size":  {Module: module, SHA256: digest.Of(module), Size: 1, Warm: 2},
		"less than one page":   {Module: module, SHA256: digest.Of(module), MaxMemory: 1000},
		"more than 4 GiB":      {Module: module, SHA256: digest.Of(module), MaxMemory: 4<<30 + 1},
		"an unknown runtime":   {Module: module, SHA256: digest.Of(module), Runtime: 9},
		"an unknown isolation": {Module: module, SHA256: digest.Of(module), Isolation: 9},
	} {
		if _, err := Open(t.Context(), opt); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(t.Context(), Options{Module: module, SHA256: digest.Of(nil)}); !errors.Is(err, ErrModule) || !strings.Contains(err.Error(), digest.Of(module)) {
		t.Errorf("another digest: %v", err)
	}
	for _, opt := range []Options{
		{Module: module, SHA256: strings.ToUpper(digest.Of(module))},
		{Module: module, UnsafeAnyModule: true},
		{Module: module, SHA256: digest.Of(module), Runtime: RuntimeInterpreter},
		{Module: module, SHA256: digest.Of(module), MaxMemory: 64 << 10},
	} {
		pool(t, opt)
	}
	if _, err := Open(t.Context(), Options{Module: module, SHA256: digest.Of(nil), UnsafeAnyModule: true}); !errors.Is(err, ErrModule) {
		t.Errorf("UnsafeAnyModule with another digest: %v", err)
	}
}

// TestNothingFallsBackToTheInterpreter: wazero panics where it has no compiler.
func TestNothingFallsBackToTheInterpreter(t *testing.T) {
	module := good().bytes()
	newCompilerConfig = func() wazero.RuntimeConfig { panic("unsupported architecture") }
	defer func() { newCompilerConfig = wazero.NewRuntimeConfigCompiler }()
	if _, err := Open(t.Context(), Options{Module: module, SHA256: digest.Of(module), CacheDir: cacheDir()}); !errors.Is(err, ErrRuntime) || !strings.Contains(err.Error(), "RuntimeInterpreter") {
		t.Errorf("error: %v", err)
	}
	pool(t, Options{Module: module, SHA256: digest.Of(module), Runtime: RuntimeInterpreter})
}

func TestTheCacheIsOurs(t *testing.T) {
	if os.Geteuid() < 0 {
		t.Skip("this system has no modes of files")
	}
	module := good().bytes()
	opt := Options{Module: module, SHA256: digest.Of(module)}
	refused := func(name, dir string) {
		t.Helper()
		opt.CacheDir = dir
		if _, err := Open(t.Context(), opt); !errors.Is(err, ErrCacheDir) {
			t.Errorf("%s: %v", name, err)
		}
	}
	base := t.TempDir()
	for name, mode := range map[string]os.FileMode{"group reads": 0o740, "all write": 0o777, "sticky": 0o777 | os.ModeSticky, "others search": 0o701} {
		dir := filepath.Join(base, strings.ReplaceAll(name, " ", "-"))
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, mode)); err != nil {
			t.Fatal(err)
		}
		refused(name, dir)
	}
	file, link, own := filepath.Join(base, "file"), filepath.Join(base, "link"), filepath.Join(base, "own", "cache")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.MkdirAll(own, 0o700), os.Symlink(own, link)); err != nil {
		t.Fatal(err)
	}
	refused("a file", file)
	refused("a link", link)
	open := filepath.Join(base, "all-write", "cache")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	refused("a folder that all may exchange", open)

	made := filepath.Join(base, "new", "cache")
	opt.CacheDir = made
	pool(t, opt)
	if st, err := os.Stat(made); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("the folder that was made: %v, %v", st.Mode(), err)
	}
}

// TestADamagedCacheIsMadeAnew: a file that was cut off, or changed, is no reason not to start.
func TestADamagedCacheIsMadeAnew(t *testing.T) {
	module := good().bytes()
	opt := Options{Module: module, SHA256: digest.Of(module), CacheDir: filepath.Join(t.TempDir(), "cache")}
	pool(t, opt)
	files, err := filepath.Glob(filepath.Join(opt.CacheDir, opt.SHA256, "*", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files: %v, %v", files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string][]byte{"empty": {}, "cut": whole[:len(whole)-20], "garbage": []byte("garbage")} {
		if err := os.WriteFile(files[0], damage, 0o600); err != nil {
			t.Fatal(err)
		}
		p := pool(t, opt)
		if _, err := p.Info(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := os.ReadFile(files[0]); err != nil || len(got) != len(whole) {
			t.Errorf("%s: the file was not made anew: %d bytes, %v", name, len(got), err)
		}
	}
}

// filedCode opens a pool and returns the one file that it left.
func filedCode(t *testing.T, opt Options) string {
	t.Helper()
	pool(t, opt)
	files, err := filepath.Glob(filepath.Join(opt.CacheDir, opt.SHA256, "*", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files: %v, %v", files, err)
	}
	return files[0]
}

// TestAKnownModuleIsNotReadAgain: what is filed lies where wazero looks for the skeleton, and
// stays there.
func TestAKnownModuleIsNotReadAgain(t *testing.T) {
	opt := options(t)
	opt.CacheDir = filepath.Join(t.TempDir(), "cache")
	name := filedCode(t, opt)
	before, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	files, err := newFiled(&opt, opt.SHA256, opt.Module)
	if err != nil {
		t.Fatal(err)
	}
	c := &compiled{profile: ours}
	if !files.open(t.Context(), c, &opt) {
		t.Fatal("what is filed is not taken")
	}
	c.close(t.Context())
	if len(files.skeleton)*2 > len(opt.Module) {
		t.Errorf("a skeleton of %d bytes, of %d", len(files.skeleton), len(opt.Module))
	}
	p := pool(t, opt)
	if _, err := p.Info(t.Context()); err != nil {
		t.Error(err)
	}
	if after, err := os.Stat(filedCode(t, opt)); err != nil || !os.SameFile(before, after) {
		t.Errorf("the file was made anew: %v", err)
	}
}

// TestASkeletonNeverServes: machine code of a skeleton traps in every call. It comes into the
// folder when wazero has nothing for this processor or release, and goes again.
func TestASkeletonNeverServes(t *testing.T) {
	opt := options(t)
	opt.CacheDir = filepath.Join(t.TempDir(), "cache")
	files, err := newFiled(&opt, opt.SHA256, opt.Module)
	if err != nil {
		t.Fatal(err)
	}
	var bare compiled
	if err := bare.compile(t.Context(), files.dir, files.skeleton, &opt); err != nil {
		t.Fatal(err)
	}
	bare.close(t.Context())
	trap := files.files(files.dir)
	if len(trap) != 1 {
		t.Fatal(trap)
	}
	small, err := os.Stat(trap[0])
	if err != nil {
		t.Fatal(err)
	}
	if whole, err := os.Stat(filedCode(t, opt)); err != nil || whole.Size() < 2*small.Size() {
		t.Errorf("the skeleton's machine code stays: %v", err)
	}

	// Another processor's file lies there, ours does not: wazero compiles the skeleton.
	if err := os.Rename(trap[0], filepath.Join(filepath.Dir(trap[0]), strings.Repeat("00", 32))); err != nil {
		t.Fatal(err)
	}
	if p := pool(t, opt); must(t, p, "echo") == "" {
		t.Error("no answer")
	}
	if list := files.files(files.dir); len(list) != 2 || !files.allMarked(list) {
		t.Errorf("files: %v", list)
	}
}

// TestWhatIsNotReadIsNotFiled: wasmfile refuses what our builder never makes.
func TestWhatIsNotReadIsNotFiled(t *testing.T) {
	opt := Options{CacheDir: filepath.Join(t.TempDir(), "cache")}
	files, err := newFiled(&opt, "00", []byte("\x00asm\x01\x00\x00\x00\x05\x05\x02\x00\x00\x00\x00")) // two memories
	if files != nil || err != nil {
		t.Errorf("%v, %v", files, err)
	}
}
