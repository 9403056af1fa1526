package pismo_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/wire/pismo"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/internal/vectorfile"
	"github.com/issuant/issuant/rules"
)

type vectorSetup struct {
	Account   string `json:"account"`
	IAT       int64  `json:"iat"`
	RefKeyID  string `json:"ref_key_id"`
	RefKeyB64 []byte `json:"ref_key_b64"`
}

func (s vectorSetup) key(tb testing.TB) secret.RefKey {
	tb.Helper()
	key, err := secret.NewRefKey(s.RefKeyID, s.RefKeyB64)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

type decodeInput struct {
	Body    string `json:"body"`
	Account string `json:"account"`
	Config  struct {
		NPL             string            `json:"npl"`
		NPLPrograms     map[string]string `json:"npl_programs"`
		TrustedFindings bool              `json:"trusted_findings"`
		Requestors      map[string]string `json:"requestors"`
	} `json:"config"`
}

type decodeWant struct {
	Event         json.RawMessage `json:"event"`
	UnknownFields int             `json:"unknown_fields"`
}

var nplNames = map[string]pismo.NPL{"": pismo.NPLByType, "yellow": pismo.NPLYellow, "red": pismo.NPLRed}

func (in decodeInput) codec(tb testing.TB, s vectorSetup) *pismo.Codec {
	return newCodec(tb, func(cfg *pismo.Config) {
		cfg.RefKey = s.key(tb)
		cfg.NPL = nplNames[in.Config.NPL]
		cfg.NPLPrograms = map[string]pismo.NPL{}
		for program, name := range in.Config.NPLPrograms {
			cfg.NPLPrograms[program] = nplNames[name]
		}
		cfg.TrustedFindings = in.Config.TrustedFindings
		cfg.Requestors = in.Config.Requestors
	})
}

func TestDecodeVectors(t *testing.T) {
	const path = "/testdata/vectors/pismo_codec.json"
	f := vectorfile.Load(t, path)
	var setup vectorSetup
	vectorfile.Into(t, f.Setup, &setup)
	runVectors(t, f, path, "pismo_decode", func(t *testing.T, c *vectorfile.Case) (any, error) {
		var in decodeInput
		vectorfile.Into(t, c.Input, &in)
		account := setup.Account
		if in.Account != "" {
			account = in.Account
		}
		d, err := in.codec(t, setup).Decode(signed(t, []byte(in.Body), account, time.Unix(setup.IAT, 0)))
		if err != nil {
			return nil, err
		}
		return decodeWant{d.Event.AppendJSON(nil), d.UnknownFields}, nil
	})
}

type encodeInput struct {
	Config struct {
		SMS *struct {
			Source string `json:"source"`
		} `json:"sms"`
		Call *struct {
			Number string `json:"number"`
			Source string `json:"source"`
		} `json:"call"`
		Apps []struct {
			URL      string         `json:"url"`
			Platform pismo.Platform `json:"platform"`
			Source   string         `json:"source"`
		} `json:"apps"`
		RejectedApproveFalse85 bool `json:"rejected_approve_false_85"`
	} `json:"config"`
	Network  string `json:"network"`
	Decision struct {
		Outcome     rules.Outcome `json:"outcome"`
		ActionCode  string        `json:"action_code"`
		StepUp      []string      `json:"step_up"`
		SystemError bool          `json:"system_error"`
	} `json:"decision"`
}

func (in encodeInput) codec(tb testing.TB, s vectorSetup) *pismo.Codec {
	return newCodec(tb, func(cfg *pismo.Config) {
		*cfg = pismo.Config{RefKey: s.key(tb), RejectedApproveFalse85: in.Config.RejectedApproveFalse85}
		if m := in.Config.SMS; m != nil {
			cfg.SMS = &pismo.SMS{Source: m.Source}
		}
		if m := in.Config.Call; m != nil {
			cfg.Call = &pismo.Call{Number: m.Number, Source: m.Source}
		}
		for _, m := range in.Config.Apps {
			cfg.Apps = append(cfg.Apps, pismo.App{URL: m.URL, Platform: m.Platform, Source: m.Source})
		}
	})
}

func TestEncodeVectors(t *testing.T) {
	const path = "/testdata/vectors/pismo_answer.json"
	f := vectorfile.Load(t, path)
	var setup vectorSetup
	vectorfile.Into(t, f.Setup, &setup)
	runVectors(t, f, path, "pismo_encode", func(t *testing.T, c *vectorfile.Case) (any, error) {
		var in encodeInput
		vectorfile.Into(t, c.Input, &in)
		ev := engine.NewEvent(rules.EventV1())
		if in.Network != "" {
			if err := ev.Set("token.network", in.Network); err != nil {
				t.Fatal(err)
			}
		}
		d := &engine.Decision{
			Outcome: in.Decision.Outcome, ActionCode: in.Decision.ActionCode,
			StepUp: in.Decision.StepUp, SystemError: in.Decision.SystemError,
		}
		reply, err := in.codec(t, setup).Encode(ev, d)
		if err != nil {
			return nil, err
		}
		if reply.Status != 200 || reply.ContentType != "application/json" {
			t.Errorf("status %d, content type %q", reply.Status, reply.ContentType)
		}
		return json.RawMessage(reply.Body), nil
	})
}

// runVectors runs every case and compares the code and the answer, byte for byte.
// With -update it writes the answers into the file, for a person to read.
func runVectors(t *testing.T, f *vectorfile.File, path, kind string, run func(*testing.T, *vectorfile.Case) (any, error)) {
	if f.Kind != kind {
		t.Fatalf("%s is of kind %q", path, f.Kind)
	}
	failed := false
	for i := range f.Cases {
		c := &f.Cases[i]
		failed = !t.Run(c.ID, func(t *testing.T) {
			got, err := run(t, c)
			if name := code.Of(err).String(); name != c.Expect {
				t.Errorf("got %s (%v), want %s: %s", name, err, c.Expect, c.Comment)
				return
			}
			if err == nil {
				compare(t, c, got)
			}
		}) || failed
	}
	if updating() && !failed {
		testutil.Golden(t, testutil.Root(t)+path, marshal(t, f, "  "))
	}
}

func compare(t *testing.T, c *vectorfile.Case, got any) {
	t.Helper()
	b := marshal(t, got, "")
	if updating() {
		c.Want = b
		return
	}
	var want bytes.Buffer
	if err := json.Compact(&want, c.Want); err != nil {
		t.Fatalf("want: %v", err)
	}
	if got := bytes.TrimSpace(b); !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s\ngot  %s\nwant %s", c.Comment, got, want.Bytes())
	}
}

func marshal(t *testing.T, v any, indent string) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestEncodeVectorsAreTheBytes compares with the text of the file itself, so that
// no JSON reader stands between.
func TestEncodeVectorsAreTheBytes(t *testing.T) {
	c := newCodec(t)
	d := &engine.Decision{Outcome: rules.Yellow, ActionCode: "85", StepUp: []string{"call", "sms", "app"}}
	ev := engine.NewEvent(rules.EventV1())
	if err := ev.Set("token.network", "visa"); err != nil {
		t.Fatal(err)
	}
	reply, err := c.Encode(ev, d)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"approve":true,"action_code":"85","step_up_methods":[` +
		`{"method":"OTPCALL","value":"+551130039500"},{"method":"OTPSMS","value":null},` +
		`{"method":"OTPAPP","value":"com.btg.pactual.banking://wallet","platform":"IOS"}]}`
	if string(reply.Body) != want {
		t.Errorf("got  %s\nwant %s", reply.Body, want)
	}
}

func updating() bool { return flag.Lookup("update").Value.String() == "true" }
