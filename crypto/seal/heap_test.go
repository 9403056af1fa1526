package seal_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/crypto/secret"
)

// masked is a secret that does not stand in memory as itself: the test that looks for
// it must not be what it finds.
type masked []byte

const mask = 0xa5

func maskOf(b []byte) masked {
	m := make(masked, len(b))
	for i := range b {
		m[i] = b[i] ^ mask
	}
	return m
}

// in tells whether a heap dump holds the secret.
func (m masked) in(dump []byte) bool {
	for i := 0; i+len(m) <= len(dump); i++ {
		k := 0
		for k < len(m) && dump[i+k] == m[k]^mask {
			k++
		}
		if k == len(m) {
			return true
		}
	}
	return false
}

func heapDump(t *testing.T) []byte {
	t.Helper()
	runtime.GC()
	runtime.GC() // what finalizers and pools kept for one cycle goes too
	f, err := os.Create(filepath.Join(t.TempDir(), "heap"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	debug.WriteHeapDump(f.Fd())
	dump, err := os.ReadFile(f.Name())
	if err != nil || len(dump) < 1000 {
		t.Fatalf("%d bytes: %v", len(dump), err)
	}
	return dump
}

// scalar decodes the key of an AGE-SECRET-KEY-1 text: the data part of Bech32, without
// its checksum.
func scalar(line []byte) []byte {
	const digits = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	data := bytes.ToLower(line[bytes.LastIndexByte(line, '1')+1:])
	var out []byte
	acc, bits := 0, 0
	for _, c := range data[:len(data)-6] {
		acc, bits = acc<<5|strings.IndexByte(digits, c), bits+5
		if bits >= 8 {
			bits -= 8
			out = append(out, byte(acc>>bits))
			acc &= 1<<bits - 1
		}
	}
	return out
}

// plant makes things that hold secrets, uses them, and returns what to look for and
// how to drop it all. Nothing else keeps the secrets when it returns.
//
//go:noinline
func plant(t *testing.T) (planted map[string]masked, live []any, drop func()) {
	file, recipient, err := seal.NewKeyFile(start)
	if err != nil {
		t.Fatal(err)
	}
	line := bytes.TrimSpace(file[bytes.Index(file, []byte("AGE-")):])
	key := scalar(line)
	planted = map[string]masked{"the text of the key": maskOf(line), "the key": maskOf(key)}
	ids, err := seal.ParseIdentities(file)
	if err != nil {
		t.Fatal(err)
	}
	to, err := seal.ParseRecipients([]byte(recipient))
	if err != nil {
		t.Fatal(err)
	}
	data, err := seal.NewDataKey(to, seal.DataKeyLimits{}, start)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := seal.Open(ids, data.Wrapped())
	if err != nil {
		t.Fatal(err)
	}
	planted["the data key"] = maskOf(raw)
	opener, err := seal.OpenDataKey(ids, data.Wrapped())
	if err != nil {
		t.Fatal(err)
	}
	words := secret.NewText("planted " + base64.StdEncoding.EncodeToString(key[:12]))
	planted["the passphrase"] = maskOf([]byte(words.Reveal()))
	phrase, err := seal.PassphraseIdentities(words)
	if err != nil {
		t.Fatal(err)
	}
	clear(file)
	clear(key)
	clear(raw)
	return planted, []any{ids, data, opener, phrase}, func() {
		ids.Drop()
		data.Drop()
		opener.Drop()
		phrase.Drop()
		words.Wipe()
	}
}

// TestNoHeapDumpShowsAKeyAfterDrop: and one before Drop does, so that the search is
// known to find what is there.
func TestNoHeapDumpShowsAKeyAfterDrop(t *testing.T) {
	planted, live, drop := plant(t)
	before := heapDump(t)
	for _, name := range []string{"the key", "the data key", "the passphrase"} {
		if !planted[name].in(before) {
			t.Errorf("%s cannot be found while it is in use", name)
		}
	}
	drop()
	after := heapDump(t)
	for name, m := range planted {
		if m.in(after) {
			t.Errorf("%s is in the heap after Drop", name)
		}
	}
	runtime.KeepAlive(live)
}
