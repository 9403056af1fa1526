package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/httpmsg"
	"github.com/issuant/issuant/cmd/issuant/internal/ndjson"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/digest"
	"github.com/issuant/issuant/internal/filemode"
	"github.com/issuant/issuant/internal/wasmfile"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/host"
)

type runFlags struct {
	moduleFlags
	stream, interpreter   bool
	request, ring, scheme string
}

func (a *app) wasmRunCmd() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Decide on events, or verify a request, in the WASM module",
		Long: `Decide on one event, or with --stream on one event a line, in the WASM module under wazero.
What is printed is what "issuant eval --format json" prints, byte for byte: it shows what other
hosts get, and it is several times slower than eval. A snapshot (--module) brings its pack;
any other module gets the one of --pack.

With --request the module verifies a raw HTTP/1.1 message instead, with the keys and settings
of --ring (wasm/ABI.md describes the document), and prints its reply. Exit code 5 when it
refuses.

The module refuses instants before its release. The machine code is kept in the user's cache
folder, so that only the first run takes seconds.`,
		Example: `  issuant wasm run -i event.json
  issuant wasm run --module my-pack.wasm --stream -i events.ndjson --now 2026-11-24T10:00:00Z
  issuant wasm run --ring ring.json --scheme pismo --request webhook.http`,
	}
	f.register(cmd, abi.FlavourDecide)
	a.inputFlag(cmd, "event")
	a.packFlag(cmd)
	a.nowFlag(cmd)
	cmd.Flags().BoolVar(&f.stream, "stream", false, "the input holds one event a line")
	cmd.Flags().StringVar(&f.request, "request", "", "verify a raw HTTP/1.1 request message: a `FILE`, or - for standard input")
	cmd.Flags().StringVar(&f.ring, "ring", "", "keys and settings of schemes for --request: a `FILE` for its owner alone")
	cmd.Flags().StringVar(&f.scheme, "scheme", "", "signature scheme of --request: a `NAME` of verify --list")
	cmd.Flags().BoolVar(&f.interpreter, "interpreter", false, "interpret the module: for machines that are not amd64 or arm64, hundreds of times slower")
	cmd.RunE = func(*cobra.Command, []string) error {
		if f.request != "" {
			return a.runRequest(cmd, &f)
		}
		if f.ring != "" || f.scheme != "" {
			return usage("run: --ring and --scheme are for --request")
		}
		return a.runEvents(cmd, &f)
	}
	return a.verb(cmd, "json")
}

// openPool makes a pool of one instance. Its machine code is kept where the user's other
// caches are; where there is no such place, it is made anew.
func (a *app) openPool(f *runFlags, module, pack, ring []byte) (*host.Pool, error) {
	opt := host.Options{Module: module, SHA256: digest.Of(module), Pack: pack, Ring: secret.NewBytes(ring), Size: 1}
	defer opt.Ring.Wipe()
	if f.interpreter {
		opt.Runtime = host.RuntimeInterpreter
	}
	if dir, err := os.UserCacheDir(); err == nil {
		opt.CacheDir = filepath.Join(dir, "issuant", "wazero")
	}
	pool, err := host.Open(a.ctx, opt)
	if err != nil {
		return nil, a.poolError(err)
	}
	return pool, nil
}

// poolError tells who must act on what a pool fails with.
func (a *app) poolError(err error) error {
	switch c := code.Of(err); {
	case a.ctx.Err() != nil:
		return a.ctx.Err()
	case c == code.NotLowered:
		return fail(exitCompile, "%w; --flavour full takes it", err)
	case c == code.PackFile || c == code.Version:
		return fail(exitCompile, "%w", err)
	case errors.Is(err, host.ErrModule) || errors.Is(err, host.ErrABI):
		return fail(exitInput, "%w", err)
	case errors.Is(err, host.ErrRuntime):
		return fail(exitUsage, "%w: give --interpreter", err)
	}
	return fail(exitUnavailable, "%w", err)
}

func (a *app) runEvents(cmd *cobra.Command, f *runFlags) error {
	name, err := a.eventInput()
	if err != nil {
		return err
	}
	now, err := a.instant()
	if err != nil {
		return err
	}
	in, err := a.openInput(name) // before anything that takes its time
	if err != nil {
		return err
	}
	defer in.Close()
	module, _, err := a.getModule(cmd, &f.moduleFlags)
	if err != nil {
		return err
	}
	r := &runner{app: a, name: name, in: in, now: now, fixed: a.now != "", out: bufio.NewWriter(a.out), schema: rules.EventV1()}
	var pack []byte
	if a.pack != "" || !isSnapshot(module) {
		p, err := a.loadPack()
		if err != nil {
			return err
		}
		r.schema, pack = p.Schema(), p.Encode()
	}
	if r.pool, err = a.openPool(f, module, pack, nil); err != nil {
		return err
	}
	defer r.pool.Close(context.WithoutCancel(a.ctx))
	if f.stream {
		err = r.stream()
	} else {
		err = r.one()
	}
	return errors.Join(err, r.out.Flush())
}

func isSnapshot(module []byte) bool {
	m, err := wasmfile.Parse(module)
	if err != nil {
		return false
	}
	_, ok := m.Custom(abi.SnapshotSection)
	return ok
}

// runner decides on events in the order in which they come.
type runner struct {
	*app
	name   string
	in     io.Reader
	pool   *host.Pool
	schema *rules.Schema // of the pack, as far as it is known
	now    time.Time
	fixed  bool // now was given; else it is the clock
	out    *bufio.Writer
}

func (r *runner) one() error {
	data, err := r.readWhole(r.name, r.in, engine.MaxEventBytes)
	if err != nil {
		return err
	}
	reply, err := r.decide(data)
	if err != nil {
		var refused *host.GuestError
		if !errors.As(err, &refused) {
			return r.poolError(err)
		}
		return fail(exitInput, "%w", r.refusal(inputName(r.name), data, refused, hintStream))
	}
	_, err = r.out.Write(append(reply, '\n'))
	return err
}

func (r *runner) decide(event []byte) ([]byte, error) {
	if !r.fixed {
		r.now = time.Now().UTC()
	}
	return r.pool.Decide(r.ctx, r.now, event)
}

// refusal is what the module says of an event, in the words that eval has for it: the
// module counts bytes, and people count lines and columns.
func (r *runner) refusal(name string, data []byte, refused *host.GuestError, hint func([]byte, error) error) error {
	if _, err := engine.ParseEvent(r.schema, data); err != nil {
		return placed(name, data, 0, hint(data, err))
	}
	return refused
}

func (r *runner) stream() error {
	lines := ndjson.NewReader(r.in, engine.MaxEventBytes)
	e := &evaluator{app: r.app, out: r.out}
	bad := false
	for {
		line, tooLong, err := lines.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return r.readError(r.name, err)
		}
		if err = r.line(line, tooLong); err == nil {
			continue
		}
		var refused *host.GuestError
		var unfit *rules.FactError
		switch {
		case errors.As(err, &refused):
			err = r.refusal("", line, refused, func(_ []byte, err error) error { return err })
		case errors.As(err, &unfit):
			err = placed("", line, 0, err)
		case errors.Is(err, errPipe):
			return err
		default:
			return r.poolError(err)
		}
		bad = true
		if err := e.badLine(lines.Line(), err); err != nil {
			return err
		}
	}
	if bad {
		return fail(exitInput, "%s: some lines are no events; their errors stand in the output", inputName(r.name))
	}
	return nil
}

func (r *runner) line(line []byte, tooLong bool) error {
	if tooLong {
		return lineTooLong()
	}
	reply, err := r.decide(line)
	if err != nil {
		return err
	}
	_, err = r.out.Write(append(reply, '\n'))
	return err
}

// runRequest verifies a message.
func (a *app) runRequest(cmd *cobra.Command, f *runFlags) error {
	switch {
	case f.ring == "" || f.scheme == "":
		return usage("run: --request needs --ring FILE and --scheme NAME")
	case f.stream || a.input != "":
		return usage("run: --request verifies a message; -i and --stream decide on events")
	}
	now, err := a.instant()
	if err != nil {
		return err
	}
	if _, err := os.Stat(f.ring); err != nil {
		return usage("--ring: %w", plainPathError(f.ring, err))
	}
	ring, err := filemode.ReadSecret(f.ring)
	if err != nil {
		return fail(exitRefused, "--ring: %s: %w", f.ring, err)
	}
	defer clear(ring)
	data, err := a.readInput(f.request, httpmsg.MaxMessage)
	if err != nil {
		return err
	}
	m, err := httpmsg.Read(data)
	if err != nil {
		return fail(exitInput, "%s: %w", inputName(f.request), err)
	}
	module, _, err := a.getModule(cmd, &f.moduleFlags)
	if err != nil {
		return err
	}
	return a.verifyInModule(f, module, ring, host.Request{Now: now, Scheme: f.scheme, Method: m.Method, Path: m.Target, Header: m.Header, Body: m.Body})
}

func (a *app) verifyInModule(f *runFlags, module, ring []byte, r host.Request) error {
	pool, err := a.openPool(f, module, nil, ring)
	if err != nil {
		return err
	}
	defer pool.Close(context.WithoutCancel(a.ctx))
	reply, err := pool.Open(a.ctx, r)
	var refused *host.GuestError
	if errors.As(err, &refused) && len(refused.Reply) > 0 {
		fmt.Fprintf(a.out, "%s\n", refused.Reply)
		return done(exitRefused)
	} else if err != nil {
		return a.poolError(err)
	}
	_, err = fmt.Fprintf(a.out, "%s\n", reply)
	return err
}
