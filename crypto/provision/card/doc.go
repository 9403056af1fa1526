// Package card holds what a wallet payload is built from: a card, its holder's
// address, the wallet instance that it goes to, and the network whose format is
// used. It checks what is the same for every network; field limits that differ are
// the builders' to check.
//
// It is pure: the instant is an argument.
package card
