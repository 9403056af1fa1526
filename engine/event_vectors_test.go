package engine_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/internal/vectorfile"
	"github.com/issuant/issuant/rules"
)

// TestEventVectors runs testdata/vectors/events.json each way in which an event is
// read: by ParseEvent, by way of the tree, and by a decoder into facts that are used
// again.
func TestEventVectors(t *testing.T) {
	f := vectorfile.Load(t, "/testdata/vectors/events.json")
	var setup struct {
		Schema string `json:"schema"`
	}
	vectorfile.Into(t, f.Setup, &setup)
	if f.Kind != "event" || setup.Schema != "event/v1" {
		t.Fatalf("kind %q, schema %q", f.Kind, setup.Schema)
	}
	s, used := rules.EventV1(), new(rules.Facts)
	for _, c := range f.Cases {
		t.Run(c.ID, func(t *testing.T) {
			var in struct {
				Text string `json:"text"`
				Body []byte `json:"body_b64"`
			}
			vectorfile.Into(t, c.Input, &in)
			body := append([]byte(in.Text), in.Body...)
			ev, err := engine.ParseEvent(s, body)
			sameAsTree(t, body, ev, err)
			if got := code.Of(err).String(); got != c.Expect {
				t.Fatalf("%v: %s, want %s", err, got, c.Expect)
			}
			_, decodeErr := s.EventDecoder().Decode(used, body)
			if c.Expect != "ok" {
				if decodeErr != nil && decodeErr.Error() != err.Error() {
					t.Errorf("the decoder says %v, ParseEvent %v", decodeErr, err)
				}
				return
			}
			var want bytes.Buffer
			if err := json.Compact(&want, c.Want); err != nil {
				t.Fatal(err)
			}
			if got := ev.AppendJSON(nil); !bytes.Equal(got, want.Bytes()) {
				t.Errorf("got  %s\nwant %s", got, want.Bytes())
			}
			if got := used.AppendJSON(nil, nil); decodeErr != nil || !bytes.Equal(got, ev.Facts.AppendJSON(nil, nil)) {
				t.Errorf("into used facts: %s, %v", got, decodeErr)
			}
		})
	}
}

// TestMaxEventBytesIsTheDecoders keeps the two names of one bound together.
func TestMaxEventBytesIsTheDecoders(t *testing.T) {
	if engine.MaxEventBytes != strictjson.DefaultMaxBytes {
		t.Errorf("%d, %d", engine.MaxEventBytes, strictjson.DefaultMaxBytes)
	}
}
