package build

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/wasmfile"
	"github.com/issuant/issuant/wasm/abi"
)

// GoVersion is the Go whose modules are published: other versions give working modules
// of other bytes.
const GoVersion = "go1.26.8"

// ErrGo is wrapped by errors of the Go command.
var ErrGo = code.New(code.Toolchain, "build: the Go command did not build the module")

// ErrOptions is wrapped by errors about options.
var ErrOptions = code.New(code.Config, "build: bad options")

// Options say what is built.
type Options struct {
	Root        string // folder of the checkout, with go.mod; "" is the working folder
	Flavour     string // abi.FlavourVerify, FlavourDecide or FlavourFull
	Accelerated bool   // the module also imports issuant_host
	Go          string // the Go command; "" is "go"
}

// Result is a module and its manifest.
type Result struct {
	Module   []byte
	Manifest []byte // one line of JSON: see Manifest in wasm/ABI.md
	Go       string // version of the Go command; equal bytes are promised for GoVersion
}

// Name is the file name of a module: issuant-decide.wasm, issuant-decide-accel.wasm.
func (o *Options) Name() string {
	if o.Accelerated {
		return "issuant-" + o.Flavour + "-accel.wasm"
	}
	return "issuant-" + o.Flavour + ".wasm"
}

// Guest builds the module. Errors: ErrOptions, ErrGo with the command's words, ErrLink
// where what Go's linker made is not of the form that is known, *wasmfile.Error.
func Guest(ctx context.Context, opt Options) (*Result, error) {
	file, version, err := opt.link(ctx)
	if err != nil {
		return nil, err
	}
	module, err := shrink(file, form{
		addresses: opt.Flavour != abi.FlavourFull,
		frames:    opt.Flavour != abi.FlavourFull && opt.Accelerated, // for wasm/host, whose compiler checks bounds in code
		packed:    version == GoVersion,
	})
	if err != nil {
		return nil, err
	}
	r := &Result{Go: version}
	r.Module, r.Manifest, err = withManifest(ctx, module)
	return r, err
}

// link returns what the Go command makes, and the command's version. Where that is GoVersion,
// the module has a runtime that expects a packed table of functions.
func (o Options) link(ctx context.Context) (file []byte, version string, err error) {
	tags, err := o.tags()
	if err != nil {
		return nil, "", err
	}
	dir, err := os.MkdirTemp("", "issuant-wasm")
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(dir)
	if o.Flavour == abi.FlavourFull {
		if err := o.prepare(ctx, dir); err != nil {
			return nil, "", err
		}
		o.Root = dir
	}
	text, err := o.run(ctx, "env", "GOVERSION")
	if err != nil {
		return nil, "", err
	}
	linked := filepath.Join(dir, "guest.wasm")
	args := []string{"build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-tags", tags, "-ldflags=-s -w", "-o", linked}
	if version = strings.TrimSpace(string(text)); version == GoVersion {
		list, err := o.prepareStandard(ctx, filepath.Join(dir, "standard"))
		if err != nil {
			return nil, "", err
		}
		args = append(args, "-overlay="+list)
	}
	for _, pkg := range o.called() {
		args = append(args, "-gcflags="+pkg+"=-l")
	}
	for _, pkg := range o.inlined() {
		args = append(args, "-gcflags="+pkg+"=")
	}
	if _, err := o.run(ctx, append(args, "./wasm/guest")...); err != nil {
		return nil, "", err
	}
	file, err = os.ReadFile(linked)
	return file, version, err
}

// called are the packages whose functions are not inlined.
func (o *Options) called() []string {
	switch {
	case o.Flavour == abi.FlavourFull:
		return []string{"all"} // it is for what the others cannot do, not for speed
	case o.Accelerated:
		return nil // it is for speed, and no bound is on its size
	}
	return quiet
}

// inlined are packages that are not among those that are called after all: where what is
// inlined is mostly nothing, or less than a call.
func (o *Options) inlined() []string {
	if o.Flavour == abi.FlavourFull {
		return []string{"runtime", "internal/...", "sync/...", "unicode/utf8", "math/bits", "cmp"}
	}
	return nil
}

// quiet are packages whose functions are not inlined: what runs once, seldom, or where
// a call more does not count. It makes a module some five per cent smaller. What a decision
// runs is not among them: a call costs a hundred machine instructions.
var quiet = []string{
	"github.com/issuant/issuant/engine/wire/pismo", "github.com/issuant/issuant/rules/logic",
	"github.com/issuant/issuant/crypto/...",
	"github.com/issuant/issuant/internal/sfv", "github.com/issuant/issuant/internal/code",
	"bufio", "context", "errors", "fmt", "hash", "internal/bisect", "internal/fmtsort", "internal/godebug",
	"internal/oserror", "internal/poll", "internal/reflectlite", "internal/testlog", "io", "io/fs", "maps",
	"math/big", "math/rand", "math/rand/v2", "net/netip", "os", "path", "reflect", "sort", "strings",
	"syscall", "unique",
}

func (o *Options) tags() (string, error) {
	tags := ""
	switch o.Flavour {
	case abi.FlavourVerify:
		tags = "issuant_verify,issuant_lean"
	case abi.FlavourDecide:
		tags = "issuant_decide,issuant_lean"
	case abi.FlavourFull:
		tags = "issuant_full"
	default:
		return "", fmt.Errorf("%w: the flavour is verify, decide or full, not %q", ErrOptions, o.Flavour)
	}
	if o.Accelerated {
		tags += ",issuant_accel"
	}
	return tags, nil
}

// run runs the Go command for the module's platform. Settings of the user that change
// what is built are set anew.
func (o *Options) run(ctx context.Context, args ...string) ([]byte, error) {
	name := o.Go
	if name == "" {
		name = "go"
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = o.Root
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOWORK=off", "GOFLAGS=", "GOEXPERIMENT=", "GOWASM=", "CGO_ENABLED=0", "GOFIPS140=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %w\n%s", ErrGo, err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
}

// shrink rewrites the code and the data of a module that Go has linked.
func shrink(file []byte, how form) ([]byte, error) {
	m, err := wasmfile.Parse(file)
	if err != nil {
		return nil, err
	}
	memory, err := m.Image()
	if err != nil {
		return nil, err
	}
	t, err := findTable(memory)
	if err != nil {
		return nil, err
	}
	points, err := straighten(m, t, how)
	if err != nil {
		return nil, err
	}
	if err := t.dropLines(); err != nil {
		return nil, err
	}
	if err := t.narrow(points); err != nil {
		return nil, err
	}
	if err := t.dropData(memory); err != nil {
		return nil, err
	}
	if how.packed {
		if err := t.pack(memory); err != nil {
			return nil, err
		}
	}
	m.SetImage(memory)
	return m.Encode(), nil
}

// Root returns the folder of the checkout that this package was compiled from, "" when
// it was built without paths.
func Root() string {
	_, file, _, ok := runtime.Caller(0)
	if dir := filepath.Join(filepath.Dir(file), "..", ".."); ok && filepath.IsAbs(file) {
		return dir
	}
	return ""
}
