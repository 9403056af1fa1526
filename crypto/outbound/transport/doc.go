// Package transport puts the schemes of the package outbound into an http.Client:
// each constructor returns a Transport that signs, or encrypts, every request that
// goes through it.
//
// A Transport sends credentials to the hosts that it was given and to no other, over
// https alone: an http.Client follows redirects, and a Transport below it would else
// sign for whatever host an answer names. It reads a body once, bounded, hands the
// base a copy of the request whose body can be sent again, and never changes the
// request that it was given.
//
// Transports stack: the one that encrypts stands above the one that signs, since
// what is signed is what is sent.
package transport
