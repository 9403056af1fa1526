package server

import (
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/engine/enginetest"
)

func TestKeysFromFilesGoStale(t *testing.T) {
	sender, err := enginetest.NewPismoSender(enginetest.Now())
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.NewRing(sender.Key())
	if err != nil {
		t.Fatal(err)
	}
	clock := enginetest.NewClock(enginetest.Now())
	k := newFileKeys(ring, time.Hour, clock.Now)
	clock.Advance(time.Hour)
	if _, ok := k.Lookup(sender.KeyID()); !ok || unusableKeys(k, clock.Now()) != "" {
		t.Error("at max_stale they are gone")
	}
	clock.Advance(1)
	if _, ok := k.Lookup(sender.KeyID()); ok || !strings.Contains(unusableKeys(k, clock.Now()), "max_stale") {
		t.Error("after max_stale they are there")
	}
	k.confirm()
	if _, ok := k.Lookup(sender.KeyID()); !ok {
		t.Error("they were seen, and are gone")
	}
	clock.Advance(-2 * time.Hour)
	if _, ok := k.Lookup(sender.KeyID()); !ok {
		t.Error("a clock that was put back takes keys away")
	}
}

// TestWhatNeedsARestartIsNamed: a changed setting is either taken live or named; what
// is named keeps its value.
func TestWhatNeedsARestartIsNamed(t *testing.T) {
	parse := func(text string) *config.Config {
		c, faults := config.Parse(config.Source{File: "f", Data: []byte(text + "\ncounterparts: {pismo: {keys: k, accounts: [1], sms: true, ref_key: r}}\n")})
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		return c
	}
	old := parse("")
	for line, waits := range map[string]bool{
		"listen: 127.0.0.1:9": true, "admin: 127.0.0.1:9": true, "store: other.db": true, "durability: always": true, "retain: 30d": true, "card: bin": true,
		"max_connections: 9": true, "log_level: warn": true, "log_format: text": true, "otlp: http://x/": true, "otlp_sample: 0.5": true, "drain_wait: 9s": true,
		"drain_timeout: 9s": true, "tls_cert: c\ntls_key: k": true,
		"poll: 9s": false, "deadline: 1s": false, "max_in_flight: 9": false, "max_body: 2048": false, "pack: p": false, "admin_token: t": false,
	} {
		next := parse(line)
		waiting := keepFixed(old, next)
		if (len(waiting) > 0) != waits {
			t.Errorf("%s: %v", line, waiting)
		}
		if again := keepFixed(old, next); len(again) > 0 {
			t.Errorf("%s: its value is not kept: %v", line, again)
		}
	}
	known := map[string]bool{}
	for _, s := range config.Top() {
		known[s.Name] = true
	}
	for name := range keepFixed(old, parse("listen: 127.0.0.1:9\nstore: x")) {
		if !known[name] {
			t.Errorf("%s is no setting", name)
		}
	}
}
