package packtest

import (
	"fmt"
	"strconv"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules/compile"
)

// replay lets an engine.Window count the history and sets what it tells on ev. A
// fact that the case writes down itself stays as it is written. Without a
// history nothing is counted: a case that gives none says nothing of the past,
// which is not the same as an empty past.
func replay(history []compile.TestEvent, ev *engine.Event, now time.Time) error {
	if len(history) == 0 {
		return nil
	}
	window, err := engine.NewWindow(engine.WindowOptions{TrustedComplete: true})
	if err != nil {
		return err
	}
	for i, h := range history {
		past := &engine.Event{Facts: h.Facts.Clone()}
		if !past.Has("id") {
			// Equal ids are corrections of one event; those that no author wrote must differ.
			if err := past.Set("id", "history/"+strconv.Itoa(i)); err != nil {
				return fmt.Errorf("a schema without a text field id has no history: %w", err)
			}
		}
		if err := window.Observe(past, h.At); err != nil {
			return err
		}
	}
	at, ok := ev.Get("at").(time.Time)
	if !ok {
		at = now
	}
	written := ev.Clone()
	window.Fill(ev, at)
	for i := range ev.Schema().Len() {
		if v := written.At(i); v != nil {
			if err := ev.Set(ev.Schema().Field(i).Name, v); err != nil {
				return err
			}
		}
	}
	return nil
}
