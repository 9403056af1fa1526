package starter

import (
	"embed"
	"io/fs"
	"sync"

	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
)

//go:embed provision/pack.yaml provision/rules/*.yaml provision/tests/*_test.yaml
var provisionFiles embed.FS

// ProvisionFS returns the files of the pack for events of kind provision: twelve rules
// for wallet payloads that the issuer builds itself, with their tests. Which facts it
// reads, and who knows them, stands in provision/FACTS.md. It is read-only and safe for
// concurrent use.
func ProvisionFS() fs.FS {
	sub, err := fs.Sub(provisionFiles, "provision")
	if err != nil {
		panic(err) // never: the name is a constant, and valid
	}
	return sub
}

var provisionPack = sync.OnceValues(func() (*rules.Pack, error) {
	return compile.FS(ProvisionFS(), compile.Options{})
})

// ProvisionPack returns the compiled pack of ProvisionFS, as Pack does its own.
func ProvisionPack() (*rules.Pack, error) { return provisionPack() }
