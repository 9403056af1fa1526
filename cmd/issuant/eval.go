package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/ndjson"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
)

type evalFlags struct {
	stream  bool
	history string
}

func (a *app) evalCmd() *cobra.Command {
	var f evalFlags
	cmd := &cobra.Command{
		Use:   "eval",
		Short: "Decide on events",
		Long: `Decide on one event (a JSON object), or with --stream on one event a line.

With --stream each line of output is a decision; a line that is no event gives
{"line": N, "error": {"code", "name", "message"}}, the run goes on and ends with
exit code 4.

--history names events, one a line, that happened before: the velocity facts
(vel.*) that an event does not bring itself are counted over them, and over the earlier events of
a stream. Without --history velocity facts are what the event says.`,
		Example: `  issuant eval -i event.json
  issuant eval --pack my-pack --stream -i events.ndjson --now 2026-11-23T10:00:00Z`,
	}
	cmd.RunE = func(*cobra.Command, []string) error {
		if f.stream && !cmd.Flags().Changed("format") {
			a.format = "json"
		}
		return a.eval(&f)
	}
	a.inputFlag(cmd, "event")
	a.packFlag(cmd)
	a.nowFlag(cmd)
	cmd.Flags().BoolVar(&f.stream, "stream", false, "the input holds one event a line (default format json)")
	cmd.Flags().StringVar(&f.history, "history", "", "earlier events, one a line: a `FILE`")
	return a.verb(cmd, "pretty", "json")
}

func (a *app) eval(f *evalFlags) error {
	name, now, eng, err := a.decider()
	if err != nil {
		return err
	}
	pack := eng.Pack()
	e := &evaluator{app: a, engine: eng, now: now, fixed: a.now != "", out: bufio.NewWriter(a.out)}
	if f.history != "" {
		if e.window, err = a.loadHistory(f.history, pack.Schema()); err != nil {
			return err
		}
	}
	if f.stream {
		return e.stream(name)
	}
	return e.one(name)
}

// decider reads what eval and explain begin with: where the events come from, the
// instant, and an engine with the pack.
func (a *app) decider() (name string, now time.Time, eng *engine.Engine, err error) {
	if name, err = a.eventInput(); err != nil {
		return "", now, nil, err
	}
	if now, err = a.instant(); err != nil {
		return "", now, nil, err
	}
	pack, err := a.loadPack()
	if err != nil {
		return "", now, nil, err
	}
	eng, err = engine.New(pack, engine.Options{})
	return name, now, eng, err
}

// evaluator decides on events in the order in which they come.
type evaluator struct {
	*app
	engine *engine.Engine
	window *engine.Window // nil: no history was given
	now    time.Time
	fixed  bool // now was given; else it is the clock
	count  int  // events observed
	out    *bufio.Writer
}

func (e *evaluator) one(name string) error {
	ev, err := e.readEvent(name, e.engine.Pack().Schema())
	if err != nil {
		return err
	}
	if err := e.decide(ev); err != nil {
		return err
	}
	return e.out.Flush()
}

// hintStream tells who gives several events at once what to do.
func hintStream(data []byte, err error) error {
	var je *strictjson.Error
	if errors.As(err, &je) && je.Msg == "text after the value" {
		return &strictjson.Error{Offset: je.Offset, Msg: "text after the event (several events, one a line, need --stream)"}
	}
	return err
}

func (e *evaluator) stream(name string) error {
	in, err := e.openInput(name)
	if err != nil {
		return err
	}
	defer in.Close()
	r := ndjson.NewReader(in, engine.MaxEventBytes)
	bad := false
	for {
		line, tooLong, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			e.out.Flush()
			return e.readError(name, err)
		}
		if tooLong {
			err = lineTooLong()
		} else {
			var ev *engine.Event
			if ev, err = engine.ParseEvent(e.engine.Pack().Schema(), line); err == nil {
				if err := e.decide(ev); err != nil {
					return err
				}
				continue
			}
		}
		bad = true
		if err := e.badLine(r.Line(), placed("", line, 0, err)); err != nil {
			return err
		}
	}
	if err := e.out.Flush(); err != nil {
		return err
	}
	if bad {
		return fail(exitInput, "%s: some lines are no events; their errors stand in the output", inputName(name))
	}
	return nil
}

func lineTooLong() error {
	return &rules.FactError{Offset: -1, Msg: fmt.Sprintf("a line is longer than %d bytes", engine.MaxEventBytes)}
}

// badLine prints the error object of a line that is no event.
func (e *evaluator) badLine(line int, err error) error {
	c := code.Of(err)
	msg := err.Error()
	var d *dataError
	if errors.As(err, &d) {
		msg = d.msg
		if d.place != "" {
			msg = "column " + d.place[len(":1:"):] + ": " + msg // a line has no second line
		}
	}
	if e.format == "pretty" {
		_, err := fmt.Fprintf(e.out, "line %d: %s\n\n", line, msg)
		return err
	}
	w := canon.NewWriter(nil).Object().Key("line").Int(int64(line)).Key("error").Object()
	w.Key("code").Int(int64(c)).Key("name").String(c.String()).Key("message").String(msg).EndObject().EndObject()
	_, werr := fmt.Fprintf(e.out, "%s\n", w.Bytes())
	return werr
}

func (e *evaluator) decide(ev *engine.Event) error {
	if !e.fixed {
		e.now = time.Now().UTC()
	}
	if e.window != nil {
		fillVelocity(e.window, ev, e.now)
	}
	d := e.engine.Decide(ev, e.now)
	if e.window != nil {
		e.count++
		if err := observe(e.window, ev, eventTime(ev, e.now), fmt.Sprintf("stream/%d", e.count)); err != nil {
			return fail(exitInput, "%w", err)
		}
	}
	if e.format == "json" {
		_, err := e.out.Write(append(d.AppendJSON(nil), '\n'))
		return err
	}
	p := page{Style: e.style(), pack: e.engine.Pack(), width: e.columns()}
	_, err := e.out.WriteString(p.decision(d))
	return err
}
