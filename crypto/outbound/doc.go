// Package outbound makes what an issuer's own calls to counterparts carry:
// signatures, tokens and encrypted bodies. Every function is pure: the instant and
// the nonce are arguments, nothing is sent. The package transport beside it puts
// them into an http.Client.
//
//	scheme                         function            covers
//	Visa x-pay-token               XPayToken           path, query, body, time
//	Visa Message Level Encryption  MLE                 body (secrecy, not origin)
//	Mastercard OAuth 1.0a          OAuth1              method, URL, query, body, time, nonce
//	MeaWallet Mea-Secret           MeaSecret           key id and trace id only
//	Trust Payments JWT             TrustJWT            the payload, time
//	Trust Payments sitesecurity    SiteSecurity        the listed fields, time
//	HTTP Basic                     BasicAuthorization  nothing
//
// What a scheme does not cover rests on TLS alone.
package outbound
