// Package source reads keys from documents and fetches them: Pismo's JSON map of
// X.509 certificates, JWK sets (RFC 7517), files, and https addresses with caching
// and rotation. Certificates are parsed here, when keys are loaded, and never per
// message.
//
// One bad entry never spoils the others: it is kept as a key whose Refused says
// why, and reported as a warning. A document that is no strict JSON, has the wrong
// shape or names one key twice is refused as a whole.
package source
