package store_test

import (
	"os"
	"testing"

	"github.com/issuant/issuant/store/storetest"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(crashURL); url != "" {
		commitUntilKilled(url, os.Getenv(crashRound))
	}
	code := m.Run()
	storetest.StopShared()
	os.Exit(code)
}
