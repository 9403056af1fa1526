// Package applepay builds what an issuer's host answers when a card is to be added to
// Apple Pay from the issuer's app or its Wallet extension: encryptedPassData,
// ephemeralPublicKey and activationData, without a call to a network's service.
//
//	part                              evidence
//	EV_ECC_v2                         a known answer that four public implementations share, reproduced byte for byte
//	certificates                      Apple's published policy; a production chain of 2018 to 2020 passes as of then
//	JSON with the card number         Apple's developer documentation
//	JSON with an encrypted number     names of members from two sources, their nesting unsettled: unverified
//	Mastercard's activation data      see package mastercard, TAV: unverified
//	Visa's activation data            see package visa, MBPAC and MBPAD: unverified
//	EV_RSA_v2                         not public; refused
//
// No server of Apple, Visa or Mastercard has ever taken what this package made. A
// sandbox card, and an app with the entitlement for it, are the only check from end to
// end.
//
// The nonce's signature cannot be checked by an issuer: no public key for it is given.
// What keeps strangers out is the issuer's own session with its customer; see package
// provision for how a decision is demanded.
//
// Clocks are arguments. Keys and random bytes are drawn here: a caller that could hand
// them in could repeat them.
package applepay
