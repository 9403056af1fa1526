package profile_test

import (
	"crypto"
	"crypto/rsa"
	"testing"

	"github.com/issuant/issuant/crypto/provision/profile"
	"github.com/issuant/issuant/crypto/provision/profile/profilefile"
	"github.com/issuant/issuant/internal/testutil"
)

func layoutFile(t *testing.T, name string) []byte {
	t.Helper()
	return testutil.Read(t, "profilefile/testdata/"+name+".yaml")
}

func layout(t *testing.T, name string) profile.Profile {
	t.Helper()
	return parse(t, string(layoutFile(t, name)))
}

func parse(t *testing.T, text string) profile.Profile {
	t.Helper()
	p, err := profilefile.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func keyFor(key *rsa.PrivateKey) func(string) (crypto.Decrypter, bool) {
	return func(string) (crypto.Decrypter, bool) { return key, true }
}
