package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/ndjson"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules"
)

// loadHistory observes the events of a file, one a line, each as of its own
// instant. The file is taken to be complete: what it does not hold did not happen.
func (a *app) loadHistory(name string, schema *rules.Schema) (*engine.Window, error) {
	in, err := a.openInput(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	window, err := engine.NewWindow(engine.WindowOptions{TrustedComplete: true})
	if err != nil {
		return nil, err
	}
	r := ndjson.NewReader(in, engine.MaxEventBytes)
	for {
		line, tooLong, err := r.Next()
		if errors.Is(err, io.EOF) {
			return window, nil
		}
		if err != nil {
			return nil, a.readError(name, err)
		}
		bad := func(msg string) error {
			return fail(exitInput, "%s:%d: %s", inputName(name), r.Line(), msg)
		}
		if tooLong {
			return nil, bad(fmt.Sprintf("longer than %d bytes", engine.MaxEventBytes))
		}
		ev, err := engine.ParseEvent(schema, line)
		if err != nil {
			return nil, fail(exitInput, "%w", placed(inputName(name), line, r.Line(), err))
		}
		at, ok := ev.Get("at").(time.Time)
		if !ok {
			return nil, bad(`an event of a history needs "at"`)
		}
		if err := observe(window, ev, at, fmt.Sprintf("history/%d", r.Line())); err != nil {
			return nil, bad(err.Error())
		}
	}
}

// observe adds an event to a window; one without id gets the given one, since
// equal ids are corrections of one event.
func observe(w *engine.Window, ev *engine.Event, at time.Time, id string) error {
	if !ev.Has("id") {
		ev = ev.Clone()
		if err := ev.Set("id", id); err != nil {
			return errors.New("a schema without a text field id has no history")
		}
	}
	return w.Observe(ev, at)
}

// fillVelocity counts the velocity facts that the event does not bring itself.
func fillVelocity(w *engine.Window, ev *engine.Event, now time.Time) {
	own := ev.Clone()
	w.Fill(ev, eventTime(ev, now))
	for i := range ev.Schema().Len() {
		if v := own.At(i); v != nil {
			ev.Set(ev.Schema().Field(i).Name, v) // it was in there before
		}
	}
}

// eventTime is when an event happened: its own instant, else that of the decision.
func eventTime(ev *engine.Event, now time.Time) time.Time {
	if at, ok := ev.Get("at").(time.Time); ok {
		return at
	}
	return now
}
