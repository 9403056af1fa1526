package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	if os.Getenv("ISSUANT_TEST_MAIN") != "" { // a test runs the tool as a process
		main()
	}
	testscript.Main(m, map[string]func(){"issuant": main})
}

func TestScripts(t *testing.T) {
	files, err := os.ReadDir("testdata")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts in testdata:", err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                scriptCommands,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
	})
}
