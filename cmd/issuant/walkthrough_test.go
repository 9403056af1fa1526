package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/testutil"
)

var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// TestWalkthroughRuns: the commands of the page, in their order, in an empty folder. A
// line that begins with ! has to fail.
func TestWalkthroughRuns(t *testing.T) {
	for _, tool := range []string{"sh", "openssl", "curl", "od", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skipf("skipped: %s is not installed; the page's commands need it", tool)
		}
	}
	page := testutil.Read(t, filepath.Join(testutil.Root(t), "crypto", "provision", "WALKTHROUGH.md"))
	var script strings.Builder
	script.WriteString("set -eu\n")
	blocks := shellBlock.FindAllSubmatch(page, -1)
	for _, b := range blocks {
		script.WriteString(mustFail(string(b[1])))
	}
	if len(blocks) < 8 {
		t.Fatalf("the page has %d blocks", len(blocks))
	}
	text := script.String()
	for _, port := range []string{"127.0.0.1:18081", "127.0.0.1:18443"} { // the page's; here they may be taken
		text = strings.ReplaceAll(text, port, freeAddress(t))
	}
	dir, bin := t.TempDir(), t.TempDir()
	own, err := os.Executable()
	check(t, err)
	check(t, os.WriteFile(filepath.Join(bin, "issuant"), []byte("#!/bin/sh\nISSUANT_TEST_MAIN=1 exec '"+own+"' \"$@\"\n"), 0o755))
	cmd := exec.CommandContext(t.Context(), "sh")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(text)
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	log, _ := os.ReadFile(filepath.Join(dir, "serve.log"))
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, log)
	}
	for _, want := range []string{
		"GREEN", "accountNumber", "411111******1111", "the grant was used before", "grant is for something else: another wallet", "unsafe no decision",
		"the chain holds", "apple_pass_data", "certificates[0].subject", "1 of 1 vectors agree", "confirmed:", "visa_jwe", "403",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the output has no %q", want)
		}
	}
	if strings.Contains(string(out)+string(log), "4111111111111111") {
		t.Error("the card number is shown")
	}
}

// mustFail makes "! command" end the script when the command does not fail; of itself
// a shell lets it go.
func mustFail(block string) string {
	lines := strings.Split(block, "\n")
	for i := 0; i < len(lines); i++ {
		rest, ok := strings.CutPrefix(lines[i], "! ")
		if !ok {
			continue
		}
		lines[i] = "if " + rest
		for strings.HasSuffix(lines[i], `\`) {
			i++
		}
		lines[i] += "; then echo 'it did not fail' >&2; exit 1; fi"
	}
	return strings.Join(lines, "\n")
}
