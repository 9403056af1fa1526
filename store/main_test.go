package store_test

import (
	"os"
	"testing"

	"github.com/issuant/issuant/store/storetest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	storetest.StopShared()
	os.Exit(code)
}
