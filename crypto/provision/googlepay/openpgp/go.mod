module github.com/issuant/issuant/crypto/provision/googlepay/openpgp

go 1.26.0

require (
	github.com/ProtonMail/go-crypto v1.5.2
	github.com/issuant/issuant v0.0.0
)

require (
	github.com/cloudflare/circl v1.6.3 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/issuant/issuant => ../../../..
