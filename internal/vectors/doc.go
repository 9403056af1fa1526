// Package vectors holds our cryptography against what others have written: project
// Wycheproof's vectors, the examples of the RFCs, go-jose and golang-jwt on generated
// tokens, age's test kit and its command, go-securesystemslib's DSSE, and
// http-wasm-host-go around our WASM module. It is a module of its own, so that their
// needs never become the library's:
//
//	cd internal/vectors && GOWORK=off go test -v ./...
//
// prints, for each file of Wycheproof, how many cases we accept and refuse. Where we
// differ on purpose, testdata/differences.json says so and why: a difference that is
// not listed fails, and so does an entry that is not a difference any more.
package vectors
