module github.com/issuant/issuant/crypto/keyring/pkcs11

go 1.26.0

require (
	github.com/ThalesGroup/crypto11 v1.5.0
	github.com/issuant/issuant v0.0.0
	github.com/miekg/pkcs11 v1.1.1
)

require (
	github.com/pkg/errors v0.9.1 // indirect
	github.com/thales-e-security/pool v0.0.2 // indirect
)

replace github.com/issuant/issuant => ../../..
