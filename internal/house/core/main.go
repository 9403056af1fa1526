// Command core links what the WASM module will: it answers one signed request
// with a pack that is loaded without a compiler. TestCoreStaysSmall weighs it;
// nobody runs it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/wire/pismo"
	"github.com/issuant/issuant/rules"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3], time.Unix(0, 0)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(packBytes, token, body string, now time.Time) error {
	pack, err := rules.Load([]byte(packBytes), nil)
	if err != nil {
		return err
	}
	ring, err := keyring.NewRing()
	if err != nil {
		return err
	}
	verifier, err := webhook.NewPismo(webhook.PismoOptions{Keys: ring, UnsafeAnyAccount: true})
	if err != nil {
		return err
	}
	key, err := secret.NewRefKey("k1", []byte(body))
	if err != nil {
		return err
	}
	codec, err := pismo.New(pismo.Config{RefKey: key, SMS: &pismo.SMS{}})
	if err != nil {
		return err
	}
	eng, err := engine.New(pack, engine.Options{Methods: codec.Methods()})
	if err != nil {
		return err
	}
	memory, err := engine.NewMemory(engine.MemoryOptions{})
	if err != nil {
		return err
	}
	journal, err := engine.NewJournal(io.Discard, engine.JournalOptions{})
	if err != nil {
		return err
	}
	gate, err := engine.NewGate(engine.GateOptions{
		Verifier: verifier, Codec: codec, Engine: eng, Memory: memory, Journal: journal, StartedAt: now,
	})
	if err != nil {
		return err
	}
	call, err := gate.Receive(context.Background(), engine.Arrival{
		Header: map[string][]string{"X-Pismo-Sign": {token}}, Body: []byte(body), Now: now,
	})
	if err != nil {
		return err
	}
	reply, err := gate.Answer(call, now)
	os.Stdout.Write(eng.Explain(call.Event, now).AppendJSON(reply.Body))
	return err
}
