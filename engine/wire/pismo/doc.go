// Package pismo speaks with Pismo's tokenization anti-fraud webhook: it decodes
// the verified request into an event under schema event/v1 and encodes a decision
// as the answer that Pismo expects.
//
// # Sources and confidence
//
// The request and the answer are Pismo's public page "Third-party wallets"
// (high confidence: field names, codes and the sample are printed there). The
// member original_network_data is passed on by Pismo from Visa Token Service
// (VTS Issuer API) or Mastercard (MDES pre-digitization), whose manuals are not
// public: its field names come from public code that talks to these services
// (medium confidence). The layout of Mastercard's security insights is unverified.
//
// # What cannot be decoded
//
// A body that is not strict JSON, a mis-cased known name, a required member that
// is missing (token_id, network_brand, card, card.id, card.type), or any of the
// page's members with a value of the wrong JSON type is a *engine.DecodeError.
// Its text and pointer quote nothing that the sender wrote: the pointer ends
// before the first name that is not in this package's tables.
//
// What the page requires but leaves out of its own example (card.program_id,
// card.bin) is decoded without it and raises the guard missing_required:…; a
// value that is none of an enum's is kept as data and raises unknown_value:….
// Both are at least yellow.
//
// Nothing inside original_network_data is an error, but for what strict JSON
// refuses and for a mis-cased known name: a value that is unusable (a score beyond 1 to 5, an address that is not
// one, a wrong JSON type) leaves its fact absent and is counted in
// engine.Decoded.UnknownFields, together with the names that are unknown.
//
// Of the counts of tokens the schema event/v1 has a fact for active ones alone;
// those of inactive and suspended tokens are known names that are not read.
//
// # Account data
//
// A card number (primaryAccountNumber and the like, or a number in a member that
// is unknown to this package) becomes card.ref, a keyed reference, and card.last4;
// the number itself goes no further. Elsewhere in the network's data, above all
// in what a device or its owner can choose, such a number is dropped and does not
// become card.ref: otherwise whoever names a phone could choose under which card
// an attempt is counted. Every text that enters an event is checked for digits
// that read as a card number and is dropped, or replaced by a keyed reference
// where it identifies something. Security codes, passcodes and encrypted blocks
// are never read.
//
// # The event's time
//
// The page gives no event time; at is the instant at which Pismo signed (iat).
package pismo
