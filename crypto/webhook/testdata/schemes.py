#!/usr/bin/env python3
"""Writes testdata/vectors/webhook_schemes.json: requests of every scheme, signed
without a line of this project's code, by Python's hmac and hashlib and, for RSA and
Ed25519, by the package cryptography. Run it from the root of the repository:

    python3 crypto/webhook/testdata/schemes.py > testdata/vectors/webhook_schemes.json

Signatures that were published elsewhere stand here as they were published; the
comment of their case says where. All keys are public; never trust them."""
import base64, hashlib, hmac, json, sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding

NOW = 1795428000  # 2026-11-23T10:00:00Z
b64 = lambda b: base64.b64encode(b).decode()
b64url = lambda b: base64.urlsafe_b64encode(b).decode().rstrip("=")
mac = lambda key, msg, h="sha256": hmac.new(key, msg, h).digest()

RAW = bytes(range(32))                                   # 32 bytes
TEXT = b"a webhook secret of 34 bytes, text"
STANDARD = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"        # published with its vector
STANDARD_RAW = base64.b64decode(STANDARD[6:])
ADYEN = b"DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00"  # published with its vector
STRIPE = b"whsec_test_a_secret_as_it_is_written_0001"
GITHUB = b"It's a Secret to Everybody"                   # published with its vector
TRUST = b"PASSWORD-of-more-than-16-bytes"
VISA = b"TESTSHAREDSECRET0123456789abcdefghijklmn"
TOKEN = b"c3d9a1f0-opaque-access-token-0001"

rsa = serialization.load_pem_private_key(open("internal/testkey/testdata/test-only-rsa2048-a.pem", "rb").read(), None)
ed = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(100, 132)))

def num(n):
    return b64url(n.to_bytes((n.bit_length() + 7) // 8, "big"))

def rsa_jwk(pub):
    n = pub.public_numbers()
    return {"kty": "RSA", "n": num(n.n), "e": num(n.e)}

def okp(raw):
    return {"kty": "OKP", "crv": "Ed25519", "x": b64url(raw)}

def oct(secret):
    return {"kty": "oct", "k": b64url(secret)}

# RFC 9421 appendix B.1.
RFC_PSS = b"""-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2
+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+
oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq
gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W
Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4
aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI
2wIDAQAB
-----END PUBLIC KEY-----
"""
RFC_HMAC = base64.b64decode("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==")
RFC_ED = base64.b64decode("JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=")

KEYS = []

def key(kid, scheme, jwk, **more):
    KEYS.append({"kid": kid, "scheme": scheme, **jwk, **more})

key("standard-text", "standard-webhooks", oct(STANDARD))
key("standard-raw-old", "standard-webhooks", oct(RAW))
key("standard-ed", "standard-webhooks-v1a", okp(ed.public_key().public_bytes_raw()))
key("lithic-raw", "lithic", oct(STANDARD_RAW))
key("lithic-asa", "lithic-asa", oct(TEXT))
key("stripe", "stripe", oct(STRIPE))
key("marqeta", "marqeta", oct(TEXT))
key("marqeta-sha1", "marqeta-sha1", oct(TEXT))
key("adyen-text", "adyen", oct(ADYEN))
key("adyen-platform", "adyen-platform", oct(bytes.fromhex(ADYEN.decode())))
key("checkout", "checkout", oct(TEXT))
key("highnote-new", "highnote", oct(TEXT))
key("highnote-old", "highnote", oct(RAW), exp=NOW - 3600)
key("wise", "wise", rsa_jwk(rsa.public_key()))
key("pomelo-api-key", "pomelo", oct(b64(RAW).encode()))
key("6d75ffad-ed36-4a6d-85af-5609185494f4", "cybersource", oct(b64(RAW).encode()))
key("dlocal", "dlocal", oct(TEXT))
key("dlocal-v2", "dlocal-v2", oct(TEXT))
key("github", "github", oct(GITHUB))
key("galileo", "galileo", oct(TEXT))
key("thredd-client", "thredd", oct(TOKEN), exp=NOW + 3600)
key("trust", "trust-payments", oct(TRUST))
key("trust-password", "trust-payments", oct(b"PASSWORD"))
key("visa", "x-pay-token", oct(VISA))
key("visa-full", "x-pay-token-full-path", oct(VISA))
key("test-key-rsa-pss", "rfc9421", rsa_jwk(serialization.load_pem_public_key(RFC_PSS)))
key("test-shared-secret", "rfc9421", oct(RFC_HMAC))
key("test-key-ed25519", "rfc9421", okp(RFC_ED))
key("own-ed", "rfc9421", okp(ed.public_key().public_bytes_raw()))

CASES = []
USED = set()

def case(id, scheme, expect, comment, headers, body, key_id=None, claims=None, now=NOW, flags=("accept",), method="POST", path="/hooks/in"):
    USED.update(flags)
    c = {"id": id, "comment": comment, "flags": list(flags), "now_ms": now * 1000,
         "input": {"scheme": scheme, "method": method, "path": path,
                   "headers": {k: v if isinstance(v, list) else [v] for k, v in headers.items()}, "body_b64": b64(body)},
         "expect": expect}
    if expect == "ok":
        c["want"] = {"key_id": key_id, "claims": claims}
    CASES.append(c)

BODY = b'{"id":"evt_1","type":"card.tokenization","amount":100}'

def family(scheme, key_id, make, claims=None, body=BODY, name=None, now=NOW, stale=None, sig=None, **kw):
    """The genuine message, and what must be refused of it."""
    h = make(body, now)
    case(scheme + "-genuine", scheme, "ok", "signed by Python's hmac, hashlib or cryptography", h, body, key_id, claims if claims is not None else {}, now=now, **kw)
    case(scheme + "-lower-case-names", scheme, "ok", "header names match without case", {k.lower(): v for k, v in h.items()}, body, key_id, claims if claims is not None else {}, now=now, flags=("header",), **kw)
    case(scheme + "-no-header", scheme, "not_signed", "no header at all", {}, body, now=now, flags=("header",), **kw)
    case(scheme + "-empty-header", scheme, "not_signed", "an empty signature", {**h, name: ""}, body, now=now, flags=("header",), **kw)
    case(scheme + "-header-twice", scheme, "malformed", "the signature twice", {**h, name: [h[name], h[name]]}, body, now=now, flags=("header",), **kw)
    case(scheme + "-header-in-two-cases", scheme, "malformed", "two names that differ in case are one repeated header", {**h, name.swapcase(): h[name]}, body, now=now, flags=("header",), **kw)
    case(scheme + "-long-header", scheme, "too_large", "a signature of more than 16 KiB, beside the genuine one", {**h, name.swapcase(): "a" * (16 * 1024 + 1)}, body, now=now, flags=("size",), **kw)
    if stale:
        case(scheme + "-oldest", scheme, "ok", "six minutes old: max age and skew", h, body, key_id, claims, now=now + 360, flags=("dates",), **kw)
        case(scheme + "-too-old", scheme, "stale", "a second older", h, body, now=now + 361, flags=("dates",), **kw)
        case(scheme + "-newest", scheme, "ok", "a minute ahead: the skew", h, body, key_id, claims, now=now - 60, flags=("dates",), **kw)
        case(scheme + "-ahead", scheme, "stale", "a second more", h, body, now=now - 61, flags=("dates",), **kw)
        case(scheme + "-old-and-forged", scheme, "signature", "a stranger does not learn that it is too old", h, body + b" ", now=now + 9999, flags=("order",), **kw)
    else:
        case(scheme + "-years-later", scheme, "ok", "the scheme has no timestamp", h, body, key_id, claims if claims is not None else {}, now=now + 10**8, flags=("dates",), **kw)
    return h

def forged(scheme, h, body=BODY, now=NOW, expect="signature", **kw):
    case(scheme + "-other-body", scheme, expect, "one blank more", h, body + b" ", now=now, flags=("body",), **kw)
    case(scheme + "-empty-body", scheme, expect, "the body taken away", h, b"", now=now, flags=("body",), **kw)

def bare(scheme, key_id, header, secret, fmt, hash="sha256"):
    make = lambda body, now: {header: fmt(mac(secret, body, hash))}
    h = family(scheme, key_id, make, name=header)
    forged(scheme, h)
    return h

# Schemes over the raw body alone.
hexed = lambda m: m.hex()
h = bare("lithic-asa", "lithic-asa", "X-Lithic-HMAC", TEXT, b64)
case("lithic-asa-hex", "lithic-asa", "malformed", "the same MAC in another encoding", {"X-Lithic-HMAC": mac(TEXT, BODY).hex() + "=="}, BODY, flags=("encoding",))
case("lithic-asa-line-break", "lithic-asa", "malformed", "a line break inside the Base64", {"X-Lithic-HMAC": h["X-Lithic-HMAC"][:20] + "\n" + h["X-Lithic-HMAC"][20:]}, BODY, flags=("encoding",))
case("lithic-asa-unpadded", "lithic-asa", "malformed", "without padding", {"X-Lithic-HMAC": h["X-Lithic-HMAC"].rstrip("=")}, BODY, flags=("encoding",))
h = bare("marqeta", "marqeta", "X-Marqeta-Signature", TEXT, hexed)
case("marqeta-short", "marqeta", "signature", "half of the MAC", {"X-Marqeta-Signature": mac(TEXT, BODY).hex()[:32]}, BODY, flags=("signature",))
case("marqeta-odd-hex", "marqeta", "malformed", "an odd number of digits", {"X-Marqeta-Signature": mac(TEXT, BODY).hex()[:-1]}, BODY, flags=("encoding",))
case("marqeta-with-sha1", "marqeta", "signature", "the weaker hash under the same secret", {"X-Marqeta-Signature": mac(TEXT, BODY, "sha1").hex()}, BODY, flags=("algorithm",))
bare("marqeta-sha1", "marqeta-sha1", "X-Marqeta-Signature", TEXT, hexed, "sha1")
bare("adyen-platform", "adyen-platform", "HmacSignature", bytes.fromhex(ADYEN.decode()), b64)
bare("checkout", "checkout", "Cko-Signature", TEXT, hexed)
bare("dlocal", "dlocal", "Payload-Signature", TEXT, hexed)
bare("github", "github", "X-Hub-Signature-256", GITHUB, lambda m: "sha256=" + m.hex())
case("github-published", "github", "ok", "published: docs.github.com, Validating webhook deliveries",
     {"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}, b"Hello, World!", "github", {})
case("github-other-prefix", "github", "malformed", "the header of the older SHA-1", {"X-Hub-Signature-256": "sha1=" + mac(GITHUB, BODY, "sha1").hex()}, BODY, flags=("algorithm",))

# Highnote: a list while a key is rolled.
h = bare("highnote", "highnote-new", "highnote-signature", TEXT, hexed)
case("highnote-rolling", "highnote", "ok", "the second of two signatures is of a key that we have", {"highnote-signature": mac(b"a key that we do not have", BODY).hex() + "," + mac(TEXT, BODY).hex()}, BODY, "highnote-new", {}, flags=("rotation",))
case("highnote-blank", "highnote", "ok", "a blank behind the comma", {"highnote-signature": mac(b"a key that we do not have", BODY).hex() + ", " + mac(TEXT, BODY).hex()}, BODY, "highnote-new", {}, flags=("rotation",))
case("highnote-retired-key", "highnote", "signature", "a key whose time has ended does not sign", {"highnote-signature": mac(RAW, BODY).hex()}, BODY, flags=("rotation",))
case("highnote-retired-key-in-time", "highnote", "ok", "the same while it was valid", {"highnote-signature": mac(RAW, BODY).hex()}, BODY, "highnote-old", {}, now=NOW - 7200, flags=("rotation",))
case("highnote-empty-entry", "highnote", "malformed", "an empty entry", {"highnote-signature": mac(TEXT, BODY).hex() + ","}, BODY, flags=("shape",))
case("highnote-many", "highnote", "malformed", "seventeen signatures", {"highnote-signature": ",".join([mac(TEXT, BODY).hex()] * 17)}, BODY, flags=("size",))

# Wise: RSA over the raw body.
make = lambda body, now: {"X-Signature-SHA256": b64(rsa.sign(body, padding.PKCS1v15(), hashes.SHA256())), "X-Delivery-Id": "5d4d3c2b"}
h = family("wise", "wise", make, name="X-Signature-SHA256")
forged("wise", h)
case("wise-pss", "wise", "signature", "RSA with another padding", {"X-Signature-SHA256": b64(bytes(256))}, BODY, flags=("algorithm",))

# Standard Webhooks and Lithic.
def standard(secret, id="msg_1", version="v1"):
    def make(body, now):
        signed = id.encode() + b"." + str(now).encode() + b"." + body
        sig = mac(secret, signed) if version == "v1" else ed.sign(signed)
        return {"webhook-id": id, "webhook-timestamp": str(now), "webhook-signature": version + "," + b64(sig)}
    return make

for scheme, kid, secret in (("standard-webhooks", "standard-text", STANDARD_RAW), ("lithic", "lithic-raw", STANDARD_RAW)):
    h = family(scheme, kid, standard(secret), {"id": "msg_1", "timestamp": NOW}, name="webhook-signature", stale=True)
    forged(scheme, h)
    case(scheme + "-other-id", scheme, "signature", "another id", {**h, "webhook-id": "msg_2"}, BODY, flags=("signature",))
    case(scheme + "-other-time", scheme, "signature", "another timestamp", {**h, "webhook-timestamp": str(NOW + 1)}, BODY, flags=("signature",))
    case(scheme + "-no-id", scheme, "malformed", "no id", {k: v for k, v in h.items() if k != "webhook-id"}, BODY, flags=("header",))
    case(scheme + "-no-time", scheme, "malformed", "no timestamp", {k: v for k, v in h.items() if k != "webhook-timestamp"}, BODY, flags=("header",))
    case(scheme + "-id-twice", scheme, "malformed", "the id twice", {**h, "webhook-id": ["msg_1", "msg_1"]}, BODY, flags=("header",))

h = standard(STANDARD_RAW)(BODY, NOW)
case("standard-webhooks-published", "standard-webhooks", "ok", "published: the test of standard-webhooks",
     {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330", "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
     b'{"test": 2432232314}', "standard-text", {"id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "timestamp": 1614265330}, now=1614265330)
sig = h["webhook-signature"]
ok = ("standard-text", {"id": "msg_1", "timestamp": NOW})
def listed(id, expect, comment, value, flags, *want):
    case("standard-webhooks-" + id, "standard-webhooks", expect, comment, {**h, "webhook-signature": value}, BODY, *want, flags=flags)
listed("two-signatures", "ok", "the second of two is ours", "v1," + b64(bytes(32)) + " " + sig, ("rotation",), *ok)
listed("two-versions", "ok", "another version before ours", "v1a," + b64(bytes(64)) + " " + sig, ("rotation",), *ok)
listed("unknown-version", "ok", "a version that nobody defines", sig + " v9,what-ever", ("rotation",), *ok)
listed("only-v1a", "algorithm", "no signature of this version", "v1a," + b64(bytes(64)), ("algorithm",))
listed("upper-version", "algorithm", "the version in another case", "V" + sig[1:], ("algorithm",))
listed("two-blanks", "malformed", "two blanks between signatures", sig + "  " + sig, ("shape",))
listed("comma-list", "malformed", "commas in the place of blanks", sig + "," + sig, ("shape",))
listed("no-comma", "malformed", "a signature without its version", sig[3:], ("shape",))
listed("no-signature", "malformed", "a version without its signature", "v1,", ("shape",))
listed("bad-first", "malformed", "the first is no Base64", "v1,*** " + sig, ("shape",))
listed("long-mac", "signature", "a MAC with a byte behind it", "v1," + b64(base64.b64decode(sig[3:]) + b"\0"), ("signature",))
old = standard(RAW)(BODY, NOW)
case("standard-webhooks-second-key", "standard-webhooks", "ok", "the other key of the ring", old, BODY, "standard-raw-old", {"id": "msg_1", "timestamp": NOW}, flags=("rotation",))
for i, (ts, why) in enumerate((("1795428000.5", "a fraction"), ("+1795428000", "a sign"), ("01795428000", "a leading zero"), ("1795428000 ", "a blank"), ("0x6b03f6a0", "hexadecimal"), ("9" * 20, "more than 64 bits"), ("-1", "before 1970"))):
    signed = b"msg_1." + ts.encode() + b"." + BODY
    # A point in it is found before the signature is looked at: it is the border of the parts.
    case("standard-webhooks-time-%d" % (i + 1), "standard-webhooks", "malformed" if "." in ts else "claims", "well signed, but the timestamp has " + why,
         {**h, "webhook-timestamp": ts, "webhook-signature": "v1," + b64(mac(STANDARD_RAW, signed))}, BODY, flags=("dates",))
shifted = b"msg_1.%d.1795428000.{}" % (NOW - 50)
case("standard-webhooks-moved-border", "standard-webhooks", "malformed", "the id has swallowed the timestamp, the timestamp the head of the body",
     {"webhook-id": "msg_1.%d" % (NOW - 50), "webhook-timestamp": str(NOW), "webhook-signature": "v1," + b64(mac(STANDARD_RAW, shifted))}, b"{}", flags=("border",))

h = family("standard-webhooks-v1a", "standard-ed", standard(None, version="v1a"), {"id": "msg_1", "timestamp": NOW}, name="webhook-signature", stale=True)
forged("standard-webhooks-v1a", h)
case("standard-webhooks-v1a-only-v1", "standard-webhooks-v1a", "algorithm", "a MAC where a public key is wanted", {**h, "webhook-signature": "v1," + b64(bytes(32))}, BODY, flags=("algorithm",))
case("standard-webhooks-v1a-mac-with-public-key", "standard-webhooks-v1a", "signature", "a MAC under the public key",
     {**h, "webhook-signature": "v1a," + b64(mac(ed.public_key().public_bytes_raw(), b"msg_1.%d." % NOW + BODY))}, BODY, flags=("algorithm",))

# Stripe.
def stripe(body, now, extra=""):
    return {"Stripe-Signature": "t=%d,v1=%s%s" % (now, mac(STRIPE, str(now).encode() + b"." + body).hex(), extra)}
h = family("stripe", "stripe", stripe, {"timestamp": NOW}, name="Stripe-Signature", stale=True)
forged("stripe", h)
good = h["Stripe-Signature"]
v1 = good.split(",")[1]
for id, expect, comment, value, flags, *want in (
        ("with-v0", "ok", "a v0 beside it", good + ",v0=" + "0" * 64, "rotation", "stripe", {"timestamp": NOW}),
        ("two-v1", "ok", "the second v1 is ours", "t=%d,v1=%s,%s" % (NOW, "0" * 64, v1), "rotation", "stripe", {"timestamp": NOW}),
        ("v1-first", "ok", "the timestamp last", v1 + ",t=%d" % NOW, "shape", "stripe", {"timestamp": NOW}),
        ("only-v0", "algorithm", "no v1", "t=%d,v0=%s" % (NOW, v1[3:]), "algorithm"),
        ("two-t", "malformed", "two timestamps", "t=%d,%s,t=%d" % (NOW, v1, NOW), "border"),
        ("no-t", "malformed", "no timestamp", v1, "shape"),
        ("blank", "malformed", "a blank that makes another name", "t=%d, %s,v1=" % (NOW, v1), "shape"),
        ("other-t", "signature", "another timestamp", "t=%d,%s" % (NOW + 1, v1), "signature")):
    case("stripe-" + id, "stripe", expect, comment, {"Stripe-Signature": value}, BODY, *want, flags=(flags,))

# Pomelo.
def pomelo(body, now, endpoint="/hooks/in", key=RAW):
    return {"x-api-key": "pomelo-api-key", "x-timestamp": str(now), "x-endpoint": endpoint, "x-signature": "hmac-sha256 " + b64(mac(key, str(now).encode() + endpoint.encode() + body))}
h = family("pomelo", "pomelo-api-key", pomelo, {"timestamp": NOW}, name="x-signature", stale=True)
forged("pomelo", h)
case("pomelo-unknown-key", "pomelo", "key_unknown", "another api key", {**h, "x-api-key": "POMELO-API-KEY"}, BODY, flags=("key_id",))
case("pomelo-key-of-another", "pomelo", "key_refused", "the key of another scheme", {**h, "x-api-key": "stripe"}, BODY, flags=("key_id",))
case("pomelo-no-key", "pomelo", "malformed", "no api key", {k: v for k, v in h.items() if k != "x-api-key"}, BODY, flags=("header",))
case("pomelo-no-prefix", "pomelo", "malformed", "the MAC alone", {**h, "x-signature": h["x-signature"][12:]}, BODY, flags=("shape",))
case("pomelo-moved-border", "pomelo", "malformed", "the endpoint has swallowed the body", {**h, "x-endpoint": "/hooks/in" + BODY.decode()}, b"", flags=("border",))
case("pomelo-other-endpoint", "pomelo", "signature", "another endpoint", {**h, "x-endpoint": "/hooks/other"}, BODY, flags=("signature",))

# dLocal V2.
def dlocal(body, now):
    import datetime
    date = datetime.datetime.fromtimestamp(now, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {"X-Login": "sak223k2wdksdl2", "X-Date": date, "Authorization": "V2-HMAC-SHA256, Signature: " + mac(TEXT, b"sak223k2wdksdl2" + date.encode() + body).hex()}
h = family("dlocal-v2", "dlocal-v2", dlocal, {"timestamp": NOW}, name="Authorization", stale=True)
forged("dlocal-v2", h)
case("dlocal-v2-other-login", "dlocal-v2", "signature", "another login", {**h, "X-Login": "x"}, BODY, flags=("signature",))
case("dlocal-v2-no-login", "dlocal-v2", "malformed", "no login", {k: v for k, v in h.items() if k != "X-Login"}, BODY, flags=("header",))

# Visa x-pay-token. The MAC of the first two is also in the specification of this project, made by openssl.
def visa(path, query, full=False):
    return lambda body, now: {"x-pay-token": "xv2:%d:%s" % (now, mac(VISA, str(now).encode() + path.encode() + query.encode() + body).hex())}
target = "/inapp/provisioning/cardData/googlePay?apikey=TESTAPIKEY"
h = family("x-pay-token", "visa", visa("provisioning/cardData/googlePay", "apikey=TESTAPIKEY"), {"timestamp": NOW}, name="x-pay-token", stale=True, path=target)
forged("x-pay-token", h, path=target)
case("x-pay-token-other-path", "x-pay-token", "signature", "another resource", h, BODY, path=target.replace("google", "apple"), flags=("signature",))
case("x-pay-token-other-query", "x-pay-token", "signature", "another query", h, BODY, path=target + "1", flags=("signature",))
case("x-pay-token-no-target", "x-pay-token", "malformed", "the request's target is not known", h, BODY, path="", flags=("shape",))
case("x-pay-token-one-segment", "x-pay-token", "malformed", "a path without a second segment", h, BODY, path="/inapp?apikey=TESTAPIKEY", flags=("shape",))
case("x-pay-token-old-version", "x-pay-token", "malformed", "the older form of the token", {"x-pay-token": "x" + h["x-pay-token"][3:]}, BODY, path=target, flags=("algorithm",))
case("x-pay-token-two-times", "x-pay-token", "malformed", "a third colon", {"x-pay-token": "xv2:1:" + h["x-pay-token"][4:]}, BODY, path=target, flags=("shape",))
g = visa("helloworld", "apikey=TESTAPIKEY")(b"", NOW)
case("x-pay-token-get", "x-pay-token", "ok", "a request without a body", g, b"", "visa", {"timestamp": NOW}, method="GET", path="/vdp/helloworld?apikey=TESTAPIKEY")
h = family("x-pay-token-full-path", "visa-full", visa("vts/panEnrollments", "apiKey=K"), {"timestamp": NOW}, name="x-pay-token", stale=True, path="/vts/panEnrollments?apiKey=K")
forged("x-pay-token-full-path", h, path="/vts/panEnrollments?apiKey=K")

# Adyen: the signature stands in the body.
def adyen(sig=None, **change):
    item = {"additionalData": {"hmacSignature": ""}, "pspReference": "pspReference", "originalReference": "originalReference", "merchantAccountCode": "merchantAccount",
            "merchantReference": "reference", "amount": {"value": 1000, "currency": "EUR"}, "eventCode": "EVENT", "success": "true", "reason": "not signed"}
    item.update(change)
    item = {k: v for k, v in item.items() if v is not None}
    text = lambda v: "" if v is None else v
    data = ":".join([item["pspReference"], text(item.get("originalReference")), item["merchantAccountCode"], item["merchantReference"], str(item["amount"]["value"]), item["amount"]["currency"], item["eventCode"], str(item["success"]).lower()])
    item["additionalData"] = {"hmacSignature": sig if sig is not None else b64(mac(bytes.fromhex(ADYEN.decode()), data.encode()))}
    return item
def notification(*items):
    return json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": i} for i in items]}, separators=(",", ":")).encode()
PUBLISHED = "ipnxGCaUZ4l8TUW75a71/ghd2Fe5ffvX0pV4TLTntIc="
case("adyen-published", "adyen", "ok", "published: hmacvalidator_test of adyen-go-api-library; the notification around it is ours", {}, notification(adyen(PUBLISHED)), "adyen-text", {})
case("adyen-genuine", "adyen", "ok", "signed by Python's hmac", {}, notification(adyen(merchantReference="order 7", pspReference="X8KS2")), "adyen-text", {})
case("adyen-no-original", "adyen", "ok", "an absent member is an empty text", {}, notification(adyen(originalReference=None)), "adyen-text", {})
case("adyen-boolean", "adyen", "ok", "success as a boolean", {}, notification(adyen(success=True)), "adyen-text", {})
case("adyen-unsigned-member", "adyen", "ok", "the scheme does not cover this member", {}, notification(adyen(PUBLISHED, reason="changed on the way")), "adyen-text", {}, flags=("coverage",))
case("adyen-other-amount", "adyen", "signature", "another amount", {}, notification(adyen(PUBLISHED, amount={"value": 1, "currency": "EUR"})), flags=("signature",))
case("adyen-two-items", "adyen", "malformed", "a second item, which nothing covers", {}, notification(adyen(PUBLISHED), adyen(PUBLISHED)), flags=("coverage",))
case("adyen-no-item", "adyen", "malformed", "no item", {}, notification(), flags=("shape",))
case("adyen-not-signed", "adyen", "not_signed", "an empty signature", {}, notification(adyen("")), flags=("header",))
case("adyen-no-signature", "adyen", "not_signed", "no signature", {}, notification(adyen(PUBLISHED)).replace(b"hmacSignature", b"hmacSignatur"), flags=("header",))
case("adyen-not-json", "adyen", "malformed", "a body that is no JSON", {}, b"notificationItems=1", flags=("shape",))
case("adyen-empty", "adyen", "malformed", "no body", {}, b"", flags=("shape",))
case("adyen-member-twice", "adyen", "malformed", "a member twice", {}, notification(adyen(PUBLISHED)).replace(b'"success":"true"', b'"success":"true","success":"false"'), flags=("names",))
case("adyen-object", "adyen", "malformed", "a signed value that is an object", {}, notification(adyen(PUBLISHED, eventCode="EVENT")).replace(b'"EVENT"', b'{"a":"EVENT"}'), flags=("shape",))
case("adyen-moved-border", "adyen", "malformed", "a value that holds the separator", {}, notification(adyen(merchantReference="a:b")), flags=("border",))
case("adyen-signature-number", "adyen", "malformed", "a signature that is a number", {}, notification(adyen(PUBLISHED)).replace(b'"' + PUBLISHED.encode() + b'"', b"5"), flags=("encoding",))

# Trust Payments: SHA-256 over sorted values and the password.
FIELDS = [("transactionreference", "2-44-66"), ("errorcode", "0"), ("orderreference", "Order"), ("notificationreference", "1-2-3"), ("paymenttypedescription", "VISA"), ("requestreference", "RR555"), ("settlestatus", "0"), ("sitereference", "test_site12345")]
from urllib.parse import quote_plus
def form(pairs):
    return "&".join(quote_plus(k) + "=" + quote_plus(v) for k, v in pairs).encode()
def trust(pairs, password=TRUST):
    values = "".join(v for k, v in sorted(pairs) if k != "notificationreference")
    return hashlib.sha256(values.encode() + password).hexdigest()
signed = FIELDS + [("responsesitesecurity", trust(FIELDS))]
assert trust(FIELDS, b"PASSWORD") == "1a8b45c137c1d1df8ce6ff923421043f879a85a181e9c0d96a8904211af8b0b0"
case("trust-payments-genuine", "trust-payments", "ok", "the vendor's fields and string (help.trustpayments.com), hashed by Python's hashlib under a longer password", {}, form(signed), "trust", {})
case("trust-payments-published", "trust-payments", "ok", "the vendor's fields, string and password (help.trustpayments.com, Response site security); its page cuts the hash off, which is Python's", {}, form(FIELDS + [("responsesitesecurity", "1a8b45c137c1d1df8ce6ff923421043f879a85a181e9c0d96a8904211af8b0b0")]), "trust-password", {})
case("trust-payments-order", "trust-payments", "ok", "the fields in another order are the same message", {}, form(signed[::-1]), "trust", {})
case("trust-payments-reference", "trust-payments", "ok", "the scheme does not cover this field", {}, form([(k, "9" if k == "notificationreference" else v) for k, v in signed]), "trust", {}, flags=("coverage",))
blank = FIELDS + [("billingfirstname", ""), ("Z", "upper first"), ("a", "trailing blank ")]
case("trust-payments-blanks", "trust-payments", "ok", "empty values, upper case before lower, trailing blanks kept", {}, form(blank + [("responsesitesecurity", trust(blank))]), "trust", {})
case("trust-payments-escapes", "trust-payments", "ok", "escapes and blanks", {}, form(FIELDS + [("x", "a b+c&d=e%é")] + [("responsesitesecurity", trust(FIELDS + [("x", "a b+c&d=e%é")]))]), "trust", {})
case("trust-payments-other-value", "trust-payments", "signature", "another value", {}, form([(k, "1" if k == "settlestatus" else v) for k, v in signed]), flags=("signature",))
case("trust-payments-more", "trust-payments", "signature", "one more field", {}, form(signed + [("x", "y")]), flags=("signature",))
case("trust-payments-twice", "trust-payments", "malformed", "a field twice", {}, form(signed + [("errorcode", "0")]), flags=("names",))
case("trust-payments-twice-escaped", "trust-payments", "malformed", "a field twice, once escaped", {}, form(signed) + b"&%65rrorcode=0", flags=("names",))
case("trust-payments-bad-escape", "trust-payments", "malformed", "an escape that is none", {}, form(signed) + b"&x=%zz", flags=("shape",))
case("trust-payments-empty-pair", "trust-payments", "malformed", "an empty pair", {}, form(signed) + b"&", flags=("shape",))
case("trust-payments-unsigned", "trust-payments", "not_signed", "no signature", {}, form(FIELDS), flags=("header",))
case("trust-payments-empty", "trust-payments", "not_signed", "no body", {}, b"", flags=("header",))
case("trust-payments-prefix", "trust-payments", "malformed", "the prefix of the request's hash", {}, form(FIELDS + [("responsesitesecurity", "h" + trust(FIELDS))]), flags=("encoding",))

# Cybersource.
def cyber(body, now, **change):
    import email.utils
    date = email.utils.formatdate(now, usegmt=True)
    h = {"Host": "apitest.cybersource.com", "v-c-date": date, "v-c-merchant-id": "mymerchantid"}
    names = change.get("names") or (["host", "v-c-date", "request-target", "digest", "v-c-merchant-id"] if body else ["host", "v-c-date", "request-target", "v-c-merchant-id"])
    if "date" in names:
        h["Date"] = h.pop("v-c-date")
    if body:
        h["Digest"] = "SHA-256=" + b64(hashlib.sha256(change.get("digest", body)).digest())
    lower = {k.lower(): v for k, v in h.items()}
    target = "post /pts/v2/payments" if body else "get /pts/v2/payments"
    lines = "\n".join(n + ": " + (target if "request-target" in n else lower[n]) for n in names)
    h["Signature"] = 'keyid="%s", algorithm="%s", headers="%s", signature="%s"' % (
        "6d75ffad-ed36-4a6d-85af-5609185494f4", change.get("algorithm", "HmacSHA256"), " ".join(names), b64(mac(RAW, lines.encode())))
    return h
names = ["host", "v-c-date", "request-target", "digest", "v-c-merchant-id"]
at = {"path": "/pts/v2/payments"}
h = family("cybersource", "6d75ffad-ed36-4a6d-85af-5609185494f4", cyber, {"headers": names, "timestamp": NOW}, name="Signature", **at)
CASES = [c for c in CASES if c["id"] not in ("cybersource-years-later",)]
def cybersource(id, expect, comment, h, flags, *want, body=BODY, now=NOW, **kw):
    case("cybersource-" + id, "cybersource", expect, comment, h, body, *want, now=now, flags=(flags,), **{**at, **kw})
ID = "6d75ffad-ed36-4a6d-85af-5609185494f4"
older = ["host", "date", "(request-target)", "digest", "v-c-merchant-id"]
cybersource("older-names", "ok", "Date and (request-target), as the older pages have it", cyber(BODY, NOW, names=older), "accept", ID, {"headers": older, "timestamp": NOW})
get = ["host", "v-c-date", "request-target", "v-c-merchant-id"]
cybersource("get", "ok", "no body, no digest", cyber(b"", NOW), "accept", ID, {"headers": get, "timestamp": NOW}, body=b"", method="GET")
cybersource("other-body", "body_hash", "another body under the signed digest", h, "body", body=BODY + b" ")
cybersource("body-for-get", "claims", "a body where none was signed", cyber(b"", NOW), "body", method="GET")
cybersource("no-digest", "claims", "a signature that leaves the digest out", cyber(BODY, NOW, names=get), "body")
cybersource("no-merchant", "claims", "a signature that leaves the merchant out", cyber(BODY, NOW, names=names[:4]), "claims")
cybersource("other-method", "signature", "another method", h, "signature", method="PUT")
cybersource("other-target", "signature", "another path", h, "signature", path="/pts/v2/refunds")
cybersource("other-host", "signature", "another host", {**h, "Host": "api.cybersource.com"}, "signature")
cybersource("too-old", "stale", "too old", h, "dates", now=NOW + 361)
cybersource("ahead", "stale", "from the future", h, "dates", now=NOW - 61)
cybersource("old-and-forged", "signature", "a stranger does not learn that it is too old", {**h, "Host": "x"}, "order", now=NOW + 9999)
cybersource("algorithm", "algorithm", "another algorithm", cyber(BODY, NOW, algorithm="hs2019"), "algorithm")
cybersource("unknown-key", "key_unknown", "another key", {**h, "Signature": h["Signature"].replace("6d75", "6D75")}, "key_id")
cybersource("header-named-twice", "malformed", "a header is covered twice", {**h, "Signature": h["Signature"].replace("host v-c", "host host v-c")}, "names")
cybersource("missing-header", "malformed", "a covered header is missing", {k: v for k, v in h.items() if k != "Host"}, "header")
cybersource("member-twice", "malformed", "a member twice", {**h, "Signature": h["Signature"] + ', keyid="x"'}, "names")
cybersource("unknown-member", "malformed", "a member that nobody defines", {**h, "Signature": h["Signature"] + ', x="y"'}, "names")
cybersource("published-sample", "signature", "the sample of the documentation, whose key is not public", {**h, "Date": "Thu, 18 Jul 2019 00:18:03 GMT", "Digest": "SHA-256=gXWufV4Zc7VkN9Wkv9jh/JuAVclqDusx3vkyo3uJFWU=", "Signature": 'keyid="' + ID + '", algorithm="HmacSHA256", headers="host date (request-target) digest v-c-merchant-id", signature="0uKeDxj+Mg2Bh9cBnZ/25lXJs5n+qj93FvPkYpnqtTE="'}, "page")

# Galileo: a token that says nothing of the body.
def jwt(claims, secret=TEXT, header=None):
    j = lambda v: b64url(json.dumps(v, separators=(",", ":")).encode())
    signed = j(header or {"alg": "HS256", "typ": "JWT"}) + "." + j(claims)
    return signed + "." + b64url(mac(secret, signed.encode()))
def galileo(body, now):
    return {"Authorization": "Bearer " + jwt({"iss": "galileo", "iat": now, "exp": now + 5})}
claims = {"exp": NOW + 5, "iat": NOW, "iss": "galileo"}
h = family("galileo", "galileo", galileo, claims, name="Authorization")
CASES = [c for c in CASES if c["id"] not in ("galileo-years-later",)]
case("galileo-other-body", "galileo", "ok", "the scheme does not cover the body", h, b"{}", "galileo", claims, flags=("coverage",))
case("galileo-last", "galileo", "ok", "the last second: exp and the skew", h, BODY, "galileo", claims, now=NOW + 64, flags=("dates",))
case("galileo-expired", "galileo", "stale", "a second more", h, BODY, now=NOW + 65, flags=("dates",))
case("galileo-published", "galileo", "signature", "the sample of the documentation, whose secret is not public", {"Authorization": "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJnYWxpbGVvIiwiaWF0IjoxNTM0Mjc0ODgxLCJleHAiOjE1MzQyNzQ4ODZ9.1xUk4iNFGWLo01MyJUHXRlyrNlzwPvDMSXpN38TrblU"}, BODY, now=1534274881, flags=("page",))
def token(id, expect, comment, t, flag):
    case("galileo-" + id, "galileo", expect, comment, {"Authorization": "Bearer " + t}, BODY, flags=(flag,))
token("none", "algorithm", "an unsigned token", b64url(b'{"alg":"none"}') + "." + b64url(json.dumps(claims).encode()) + ".", "algorithm")
token("hs512", "algorithm", "another hash", jwt(claims, header={"alg": "HS512"}), "algorithm")
token("other-iss", "claims", "another issuer", jwt({**claims, "iss": "Galileo"}), "claims")
token("no-exp", "claims", "no exp", jwt({"iat": NOW, "iss": "galileo"}), "claims")
token("text-iat", "claims", "iat as a text", jwt({**claims, "iat": str(NOW)}), "claims")
token("other-secret", "signature", "another secret", jwt(claims, RAW), "signature")
token("unknown-kid", "key_unknown", "a key that we do not have", jwt(claims, header={"alg": "HS256", "kid": "x"}), "key_id")
token("payload-no-json", "claims", "a payload that is no JSON, well signed", (lambda s: s + "." + b64url(mac(TEXT, s.encode())))(b64url(b'{"alg":"HS256"}') + "." + b64url(b"galileo")), "claims")

# Thredd: an opaque token that somebody else has introspected.
h = family("thredd", "thredd-client", lambda body, now: {"Authorization": "Bearer " + TOKEN.decode()}, {}, name="Authorization")
CASES = [c for c in CASES if c["id"] not in ("thredd-years-later",)]
case("thredd-other-body", "thredd", "ok", "the scheme does not cover the body", h, b"{}", "thredd-client", {}, flags=("coverage",))
case("thredd-expired", "thredd", "key_refused", "the token's time has ended", h, BODY, now=NOW + 3600, flags=("dates",))
case("thredd-other-token", "thredd", "signature", "another token", {"Authorization": "Bearer " + TOKEN.decode()[:-1] + "2"}, BODY, flags=("signature",))
case("thredd-longer-token", "thredd", "signature", "a character more", {"Authorization": "Bearer " + TOKEN.decode() + "1"}, BODY, flags=("signature",))
case("thredd-basic", "thredd", "malformed", "another kind of credentials", {"Authorization": "Basic " + b64(TOKEN)}, BODY, flags=("shape",))

# RFC 9421, appendix B.2, as published.
RFC = {"Host": "example.com", "Date": "Tue, 20 Apr 2021 02:07:55 GMT", "Content-Type": "application/json", "Content-Length": "18",
       "Content-Digest": "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"}
RFCBODY = b'{"hello": "world"}'
T = 1618884473
def rfc(id, label, input, sig, expect, comment, *want, now=T, body=RFCBODY, path="/foo?param=Value&Pet=dog", flags=("accept",), method="POST", **headers):
    h = {**RFC, "Signature-Input": label + "=" + input, "Signature": label + "=:" + sig + ":", **{k.replace("_", "-"): v for k, v in headers.items()}}
    case("rfc9421-" + id, "rfc9421", expect, comment, h, body, *want, now=now, flags=flags, path=path, method=method)
B22 = ('("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example"',
       "LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==")
B22WANT = ("test-key-rsa-pss", {"components": ['"@authority"', '"content-digest"', '"@query-param";name="Pet"'], "created": T, "keyid": "test-key-rsa-pss", "tag": "header-example"})
rfc("b22", "sig-b22", *B22, "ok", "published: RFC 9421 appendix B.2.2", *B22WANT)
B23 = ('("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss"',
       "bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==")
B23WANT = ("test-key-rsa-pss", {"components": ['"%s"' % n for n in "date @method @path @query @authority content-type content-digest content-length".split()], "created": T, "keyid": "test-key-rsa-pss"})
rfc("b23", "sig-b23", *B23, "ok", "published: RFC 9421 appendix B.2.3", *B23WANT)
B25 = ('("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"', "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=")
rfc("b25", "sig-b25", *B25, "claims", "published: appendix B.2.5; genuine, but it does not cover the body", flags=("body",))
B26 = ('("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"', "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==")
rfc("b26", "sig-b26", *B26, "claims", "published: appendix B.2.6; genuine, but it does not cover the body", flags=("body",))
rfc("b23-other-body", "sig-b23", *B23, "body_hash", "another body under the signed digest", body=b'{"hello": "World"}', flags=("body",))
rfc("b23-other-digest", "sig-b23", *B23, "signature", "another body and its digest", body=b"{}", Content_Digest="sha-256=:" + b64(hashlib.sha256(b"{}").digest()) + ":", flags=("signature",))
rfc("b23-other-query", "sig-b23", *B23, "signature", "another query", path="/foo?param=Value&Pet=cat", flags=("signature",))
rfc("b23-other-method", "sig-b23", *B23, "signature", "another method", method="PUT", flags=("signature",))
rfc("b23-other-host", "sig-b23", *B23, "signature", "another host", Host="example.org", flags=("signature",))
rfc("b23-host-case", "sig-b23", *B23, "ok", "a host has no case, and 443 is its port", *B23WANT, Host="EXAMPLE.com:443")
rfc("b23-other-label", "x", *B23, "ok", "the label is not signed", *B23WANT, flags=("shape",))
rfc("b22-param-twice", "sig-b22", *B22, "malformed", "the covered parameter twice", path="/foo?Pet=dog&Pet=cat", flags=("names",))
rfc("b22-uncovered-query", "sig-b22", *B22, "ok", "a parameter that is not covered", *B22WANT, path="/foo?Pet=dog&x=1", flags=("coverage",))
rfc("b23-too-old", "sig-b23", *B23, "stale", "too old", now=T + 361, flags=("dates",))
rfc("b23-ahead", "sig-b23", *B23, "stale", "from the future", now=T - 61, flags=("dates",))
rfc("b23-two-labels", "sig-b23", *B23, "malformed", "a label without a signature", Signature_Input="sig-b23=" + B23[0] + ", b=()", flags=("shape",))
both = {"Signature_Input": "a=" + B25[0] + ", sig-b23=" + B23[0], "Signature": "a=:" + B25[1] + ":, sig-b23=:" + B23[1] + ":"}
rfc("two-signatures", "x", *B23, "ok", "one that does not cover enough beside one that does", *B23WANT, flags=("rotation",), **both)
rfc("unknown-key", "sig", B23[0].replace("-pss", "-xxx"), B23[1], "key_unknown", "another key", flags=("key_id",))
rfc("no-key", "sig", B23[0].split(";keyid")[0], B23[1], "key_unknown", "no keyid", flags=("key_id",))
rfc("key-of-another", "sig", B23[0].replace("test-key-rsa-pss", "stripe"), B23[1], "key_refused", "the key of another scheme", flags=("key_id",))
rfc("alg", "sig", B23[0] + ';alg="hmac-sha256"', B23[1], "algorithm", "an algorithm that is not the key's", flags=("algorithm",))
rfc("blank", "sig", B23[0].replace('("date"', '( "date"'), B23[1], "malformed", "a blank too many", flags=("shape",))
rfc("component-twice", "sig", B23[0].replace('"date"', '"date" "date"'), B23[1], "malformed", "a component twice", flags=("names",))
rfc("upper-case", "sig", B23[0].replace('"date"', '"Date"'), B23[1], "malformed", "a name in upper case", flags=("names",))
rfc("missing-field", "sig", B23[0].replace('"date"', '"x-date"'), B23[1], "malformed", "a field that is not there", flags=("header",))
rfc("status", "sig", B23[0].replace('"date"', '"@status"'), B23[1], "malformed", "a component of responses", flags=("shape",))
rfc("field-parameter", "sig", B23[0].replace('"date"', '"date";sf'), B23[1], "malformed", "a component parameter that is not taken", flags=("shape",))
rfc("unknown-parameter", "sig", B23[0] + ";x=1", B23[1], "malformed", "a signature parameter that nobody defines", flags=("shape",))
rfc("created-text", "sig", B23[0].replace("=1618884473", '="1618884473"'), B23[1], "malformed", "created as a text", flags=("dates",))
def own(id, expect, comment, params, *want, flags=("accept",), components=("@method", "@path", "content-digest"), digest="sha-256", **kw):
    body = BODY
    d = {"sha-256": "sha-256=:" + b64(hashlib.sha256(body).digest()) + ":", "md5": "md5=:" + b64(hashlib.md5(body).digest()) + ":",
         "both": "sha-256=:" + b64(hashlib.sha256(body).digest()) + ":, sha-512=:" + b64(bytes(64)) + ":", "junk": "sha-256=" + hashlib.sha256(body).hexdigest()}[digest]
    values = {"@method": "POST", "@path": "/hooks/in", "@query": "?", "content-digest": d, "@target-uri": "https://hooks.example/hooks/in", "@scheme": "https", "@request-target": "/hooks/in"}
    input = "(" + " ".join('"%s"' % c for c in components) + ")" + params
    base = "".join('"%s": %s\n' % (c, values[c]) for c in components) + '"@signature-params": ' + input
    h = {"Host": "hooks.example", "Content-Digest": d, "Signature-Input": "sig1=" + input, "Signature": "sig1=:" + b64(ed.sign(base.encode())) + ":"}
    case("rfc9421-own-" + id, "rfc9421", expect, comment, h, body, *want, flags=flags, **kw)
P = ';created=%d;keyid="own-ed"' % NOW
comps = ['"@method"', '"@path"', '"content-digest"']
own("genuine", "ok", "signed by the package cryptography", P, "own-ed", {"components": comps, "created": NOW, "keyid": "own-ed"})
own("alg", "ok", "with the parameter alg", P + ';alg="ed25519"', "own-ed", {"components": comps, "created": NOW, "keyid": "own-ed"})
own("expires", "ok", "with expires, nonce and tag", P + ';expires=%d;nonce="n1";tag="t"' % (NOW + 30), "own-ed", {"components": comps, "created": NOW, "expires": NOW + 30, "keyid": "own-ed", "nonce": "n1", "tag": "t"})
own("expired", "stale", "expires has passed", P + ";expires=%d" % (NOW - 60), flags=("dates",))
own("no-created", "claims", "no created", ';keyid="own-ed"', flags=("dates",))
own("target-uri", "ok", "other derived components", P, "own-ed", {"components": ['"@target-uri"', '"@scheme"', '"@request-target"', '"@query"', '"content-digest"'], "created": NOW, "keyid": "own-ed"}, components=("@target-uri", "@scheme", "@request-target", "@query", "content-digest"))
own("no-digest", "claims", "the digest is there, but not covered", P, components=("@method", "@path"), flags=("body",))
own("md5", "claims", "a digest of a hash that is not taken", P, digest="md5", flags=("algorithm",))
own("two-digests", "body_hash", "the second of two digests is wrong", P, digest="both", flags=("body",))
own("digest-junk", "claims", "a digest that is no byte sequence", P, digest="junk", flags=("shape",))

NOTES = {
    "accept": ("a genuine message is refused", "cards of honest people cannot be added"),
    "size": ("work before measuring", "a few large requests stop the service"),
    "header": ("two readers of one request see two signatures", "a proxy checks one, the service trusts the other"),
    "shape": ("a loose reading of the signature's text", "many spellings of one message pass memories and filters that know one"),
    "encoding": ("a loose reading of hex or Base64", "many spellings of one message pass memories and filters that know one"),
    "names": ("the last of two equal names wins", "a checker and a reader see different values"),
    "algorithm": ("the message chooses the algorithm", "a weaker one, or the public key as a secret, signs"),
    "key_id": ("a key is found by anything but its exact id, or used for another scheme", "a key of another purpose signs"),
    "rotation": ("one signature or one key is looked at", "a rotation of keys is an outage, or a retired key signs"),
    "signature": ("the signature does not cover what is used", "a message can be changed on the way"),
    "border": ("two parts of the signed text share a movable border", "one signature is good for two messages"),
    "claims": ("what the signature vouches for is not looked at", "a message for another purpose passes"),
    "dates": ("a bound is off by one, missing or overflows", "an old message passes, or an honest one does not"),
    "body": ("the body is not held against the signature", "any body goes with any captured signature"),
    "coverage": ("more is believed than is signed", "whoever is on the way writes the rest"),
    "page": ("the sample of the documentation is taken for valid", "a message that everybody can read passes"),
    "order": ("refusals are told in another order", "strangers learn from the answer what only a signer should"),
}
json.dump({
    "format": 1, "kind": "webhook_schemes",
    "comment": "Requests of every scheme but pismo, made without this project's code by crypto/webhook/testdata/schemes.py (Python's hmac and hashlib, the package cryptography), and published vectors, whose comment says where they were published. Keys are public; never trust them.",
    "notes": {f: {"bug": NOTES[f][0], "effect": NOTES[f][1]} for f in sorted(USED)},
    "setup": {"keys": {"keys": KEYS}},
    "cases": CASES,
}, sys.stdout, indent=1, ensure_ascii=False)
print()
