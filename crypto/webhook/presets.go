package webhook

import "slices"

// Preset returns the built-in scheme of that name; the caller owns the copy.
func Preset(name string) (Scheme, bool) {
	for i := range presets {
		if presets[i].Name == name {
			return presets[i].clone(), true
		}
	}
	return Scheme{}, false
}

// Presets returns all built-in schemes in the byte order of their names; the caller
// owns the copies. The one named PismoScheme is for lists: NewPismo makes its
// verifier, since it needs accounts.
func Presets() []Scheme {
	list := make([]Scheme, len(presets))
	for i := range presets {
		list[i] = presets[i].clone()
	}
	slices.SortFunc(list, func(a, b Scheme) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return list
}

func (s *Scheme) clone() Scheme {
	c := *s
	c.Signed, c.Covered = slices.Clone(s.Signed), slices.Clone(s.Covered)
	if s.Claims != nil {
		claims := *s.Claims
		c.Claims = &claims
	}
	return c
}

// rawHMAC is the commonest scheme: HMAC-SHA256 over the body, in one header.
func rawHMAC(name, title, header string, encoding Encoding, evidence string) Scheme {
	return Scheme{
		Name: name, Title: title, Evidence: evidence, Algorithm: HMACSHA256,
		Signature: Signature{From: "header:" + header, Encoding: encoding}, Signed: []string{"body"},
	}
}

// standardWebhooks is the scheme of standardwebhooks.com under some name.
func standardWebhooks(name, title, label string, algorithm Algorithm, evidence string) Scheme {
	s := Scheme{
		Name: name, Title: title, Evidence: evidence, Algorithm: algorithm,
		Signature: Signature{From: "header:webhook-signature", Form: Versions, Separator: " ", Label: label, Encoding: Base64},
		Signed:    []string{"id", "literal:.", "timestamp", "literal:.", "body"},
		Timestamp: Timestamp{From: "header:webhook-timestamp"},
		ID:        "header:webhook-id",
	}
	if algorithm == HMACSHA256 {
		s.Key.Text = "whsec"
	}
	return s
}

func adyenItem(pointer string) string {
	return "json:/notificationItems/0/NotificationRequestItem/" + pointer
}

// presets are the built-in schemes. "high" means read on the counterpart's own
// pages, "medium" in public code that talks to it.
var presets = []Scheme{
	{
		Name: PismoScheme, Title: "Pismo webhooks", Algorithm: "RS256",
		Evidence:  "developers.pismo.io, Third-party wallets and Verifying webhook requests: high; body hash by text only",
		Signature: Signature{From: "header:" + PismoHeader, Form: Compact},
		Key:       Key{ID: "signature:kid"},
		Claims:    &Claims{Issuer: PismoIssuer, BodyHash: "body-hash"},
	},
	standardWebhooks("standard-webhooks", "Standard Webhooks, symmetric (v1)", "v1", HMACSHA256,
		"standard-webhooks specification and its published vector: high"),
	standardWebhooks("standard-webhooks-v1a", "Standard Webhooks, asymmetric (v1a)", "v1a", Ed25519,
		"standard-webhooks specification: high"),
	standardWebhooks("lithic", "Lithic events", "v1", HMACSHA256,
		"Lithic documentation names Standard Webhooks: high"),
	rawHMAC("lithic-asa", "Lithic auth stream access, older events", "X-Lithic-HMAC", Base64,
		"public clients of Lithic: medium; the raw body, not the re-serialised one of older clients"),
	{
		Name: "stripe", Title: "Stripe (Issuing)", Algorithm: HMACSHA256,
		Evidence:  "Stripe documentation by way of public skills and SDKs: high",
		Signature: Signature{From: "header:Stripe-Signature", Form: Pairs, Label: "v1"},
		Signed:    []string{"timestamp", "literal:.", "body"},
		Timestamp: Timestamp{From: "signature:t"},
	},
	rawHMAC("marqeta", "Marqeta webhooks, HMAC-SHA256; Basic authentication comes on top", "X-Marqeta-Signature", Hex,
		"marqeta.com, Signature Verification: high"),
	marqetaSHA1(),
	{
		Name: "adyen", Title: "Adyen standard notifications", Algorithm: HMACSHA256,
		Evidence:  "adyen-go-api-library, hmacvalidator and its test vector: high",
		Signature: Signature{From: adyenItem("additionalData/hmacSignature"), Encoding: Base64},
		Key:       Key{Text: "hex"},
		Single:    "/notificationItems",
		Signed: []string{
			adyenItem("pspReference"), "literal::", adyenItem("originalReference"), "literal::", adyenItem("merchantAccountCode"), "literal::",
			adyenItem("merchantReference"), "literal::", adyenItem("amount/value"), "literal::", adyenItem("amount/currency"), "literal::",
			adyenItem("eventCode"), "literal::", adyenItem("success"),
		},
	},
	adyenPlatform(),
	rawHMAC("checkout", "Checkout.com workflows", "Cko-Signature", Hex,
		"checkout.com, webhook receiver: high"),
	{
		Name: "highnote", Title: "Highnote notifications", Algorithm: HMACSHA256,
		Evidence:  "highnote.com, Notifications: high; that it is written in hex: low",
		Signature: Signature{From: "header:highnote-signature", Form: List},
		Signed:    []string{"body"},
	},
	{
		Name: "wise", Title: "Wise events (3DS challenge)", Algorithm: RSAPKCS1SHA256,
		Evidence:  "docs.wise.com, event handling: high",
		Signature: Signature{From: "header:X-Signature-SHA256", Encoding: Base64},
		Signed:    []string{"body"},
	},
	{
		Name: "pomelo", Title: "Pomelo webhooks", Algorithm: HMACSHA256,
		Evidence:  "docs.pomelo.la, Webhooks: high; prefix and Base64 from public code: medium",
		Signature: Signature{From: "header:x-signature", Template: "hmac-sha256 {signature}", Encoding: Base64},
		Key:       Key{Text: "base64", ID: "header:x-api-key"},
		Signed:    []string{"timestamp", "path:header:x-endpoint", "body"},
		Timestamp: Timestamp{From: "header:x-timestamp"},
	},
	{
		Name: "cybersource", Title: "Cybersource REST (HTTP Signature)", Algorithm: HMACSHA256,
		Evidence:  "developer.cybersource.com, HTTP Signature Authentication: high",
		Signature: Signature{Form: HTTPSignature, Encoding: Base64},
		Key:       Key{Text: "base64", ID: "signature:keyid"},
		Covered:   []string{"host", "v-c-date|date", "request-target|(request-target)", "v-c-merchant-id", "digest"},
		Timestamp: Timestamp{From: "header:v-c-date|date", Unit: "http-date"},
	},
	rawHMAC("dlocal", "dLocal notifications", "Payload-Signature", Hex,
		"docs.dlocal.com: high"),
	{
		Name: "dlocal-v2", Title: "dLocal payins notifications (V2-HMAC-SHA256)", Algorithm: HMACSHA256,
		Evidence:  "docs.dlocal.com, Payins security and Receive notifications: high; hex by its sample: medium",
		Signature: Signature{From: "header:Authorization", Template: "V2-HMAC-SHA256, Signature: {signature}"},
		Signed:    []string{"header:X-Login", "timestamp", "body"},
		Timestamp: Timestamp{From: "header:X-Date", Unit: "rfc3339"},
	},
	{
		Name: "github", Title: "GitHub webhooks", Algorithm: HMACSHA256,
		Evidence:  "docs.github.com, Validating webhook deliveries and its published vector: high",
		Signature: Signature{From: "header:X-Hub-Signature-256", Template: "sha256={signature}"},
		Signed:    []string{"body"},
	},
	{
		Name: "galileo", Title: "Galileo Auth API (JWT; body not covered)", Algorithm: "HS256",
		Evidence:  "docs.galileo-ft.com, Auth API security: high",
		Signature: Signature{From: "header:Authorization", Form: Compact},
		Claims:    &Claims{Issuer: "galileo"},
	},
	{
		Name: "thredd", Title: "Thredd 3DS RDX (OAuth token; body not covered)", Algorithm: Bearer,
		Evidence:  "docs.thredd.com, Using the oAuth server: high; whoever asks its introspection keeps active tokens as keys",
		Signature: Signature{From: "header:Authorization", Template: "Bearer {signature}", Encoding: Raw},
	},
	{
		Name: "trust-payments", Title: "Trust Payments URL notifications (responsesitesecurity)", Algorithm: SHA256Suffix,
		Evidence:  "help.trustpayments.com, Response site security: high; its string, our hash",
		Signature: Signature{From: "form:responsesitesecurity"},
		Signed:    []string{"form_values:notificationreference,responsesitesecurity"},
	},
	{
		Name: "rfc9421", Title: "HTTP Message Signatures with Content-Digest", Algorithm: ByKey,
		Evidence:  "RFC 9421 and RFC 9530, appendix B vectors: high",
		Signature: Signature{Form: RFC9421},
		Key:       Key{ID: "signature:keyid"},
		Covered:   []string{"content-digest"},
	},
	xPayToken("x-pay-token", "Visa x-pay-token; path without its first segment", "resource:1"),
	xPayToken("x-pay-token-full-path", "Visa x-pay-token for products that sign the whole path", "resource:0"),
}

func marqetaSHA1() Scheme {
	s := rawHMAC("marqeta-sha1", "Marqeta webhooks, HMAC-SHA1; Basic authentication comes on top", "X-Marqeta-Signature", Hex,
		"marqeta.com, Signature Verification: high")
	s.Algorithm = HMACSHA1
	return s
}

func adyenPlatform() Scheme {
	s := rawHMAC("adyen-platform", "Adyen platform and issuing webhooks", "HmacSignature", Base64,
		"adyen-go-api-library: construction high, header name medium")
	s.Key.Text = "hex"
	return s
}

func xPayToken(name, title, resource string) Scheme {
	return Scheme{
		Name: name, Title: title, Algorithm: HMACSHA256,
		Evidence:  "developer.visa.com, X-Pay Token: high; order of several query parameters is the sender's",
		Signature: Signature{From: "header:x-pay-token", Template: "xv2:{timestamp}:{signature}"},
		Signed:    []string{"timestamp", resource, "query", "body"},
		Timestamp: Timestamp{From: "signature:timestamp"},
	}
}
