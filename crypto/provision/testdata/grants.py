#!/usr/bin/env python3
"""Writes testdata/vectors/grants.json with pyca's "cryptography" (48) and Python's
standard library, after crypto/provision/GRANTS.md and without the Go code that it tries.

    python3 crypto/provision/testdata/grants.py testdata/vectors

Keys are made of the SHA-256 of a label, and are nobody's. ECDSA and PSS draw their own
randomness, so that two runs give different, equally good files.
"""
import base64, hashlib, hmac, json, os, sys
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

HERE = os.path.dirname(os.path.abspath(__file__))
RSA = serialization.load_pem_private_key(open(os.path.join(HERE, "..", "..", "..", "internal", "testkey", "testdata", "test-only-rsa2048-a.pem"), "rb").read(), None)
NOW = 1795428000  # 2026-11-23T10:00:00Z
TYP = "issuant-grant+jws"


def u(b):
    return base64.urlsafe_b64encode(b).rstrip(b"=").decode()


def js(v):
    return json.dumps(v, separators=(",", ":"), ensure_ascii=False)


def seed(label):
    return hashlib.sha256(label.encode()).digest()


ED = ed25519.Ed25519PrivateKey.from_private_bytes(seed("grants ed25519"))
FOREIGN = ed25519.Ed25519PrivateKey.from_private_bytes(seed("grants foreign"))
P256 = ec.derive_private_key(int.from_bytes(seed("grants p-256"), "big") >> 1, ec.SECP256R1())


def raw(key):
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def okp(kid, key, **more):
    return {"kid": kid, "kty": "OKP", "crv": "Ed25519", "x": u(raw(key)), **more}


n = P256.public_key().public_numbers()
m = RSA.public_key().public_numbers()
rsa_key = {"kty": "RSA", "n": u(m.n.to_bytes(256, "big")), "e": u(m.e.to_bytes(3, "big"))}
KEYS = {"keys": [
    okp("ed", ED), okp("other-scheme", ED, scheme="pismo"), okp("own-scheme", ED, scheme="issuant-grant", alg="EdDSA"),
    okp("ended", ED, exp=NOW - 1), {"kid": "p256", "kty": "EC", "crv": "P-256", "x": u(n.x.to_bytes(32, "big")), "y": u(n.y.to_bytes(32, "big"))},
    {"kid": "rsa", **rsa_key}, {"kid": "rs512", "alg": "RS512", **rsa_key},
]}


def sign(alg, key, text):
    text = text.encode()
    if alg == "EdDSA":
        return key.sign(text)
    if alg == "ES256":
        r, s = utils.decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    if alg == "PS256":
        return key.sign(text, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    if alg in ("RS256", "RS512"):
        return key.sign(text, padding.PKCS1v15(), hashes.SHA256() if alg == "RS256" else hashes.SHA512())
    if alg == "HS256":
        return hmac.new(key, text, hashlib.sha256).digest()
    return b""


def jws(payload, alg="EdDSA", key=ED, kid="ed", header=None):
    if header is None:
        header = {"alg": alg, "kid": kid, "typ": TYP}
    text = u(js(header).encode()) + "." + u(payload.encode() if isinstance(payload, str) else payload)
    return text + "." + u(sign(alg, key, text))


def bind(decision, field, value):
    return hashlib.sha256(js(["issuant grant", field, decision, value]).encode()).hexdigest()


def grant(label="d", wallet="google_pay", account="walletaccount0000000001", device="device000000000000000001", nonce=None, **change):
    d = hashlib.sha256(label.encode()).hexdigest()
    g = {
        "format": 1, "aud": "builder", "id": bind(d, "id", ""), "iat": NOW, "exp": NOW + 300, "decision_id": d, "card_ref": "k1:card-a",
        "network": "visa", "wallet": wallet, "account": account and bind(d, "account", account), "device": device and bind(d, "device", device),
        "nonce": nonce and bind(d, "nonce", nonce), "method": None,
    }
    g.update(change)
    return g


NOTES = {
    "opens": {"bug": "a reader refuses what the format allows", "effect": "a good grant gives no payload"},
    "form": {"bug": "a second text is taken for a grant, or a text of another purpose", "effect": "what was signed for one thing permits another"},
    "members": {"bug": "a member is not looked at", "effect": "a grant that binds less, or lives longer, than any that was made"},
    "forged": {"bug": "key or algorithm is chosen by the message, or not held to what it is for", "effect": "anybody makes grants"},
    "time": {"bug": "an instant is compared on the wrong side", "effect": "a grant is good before or after its time"},
}
cases = []


def case(id, comment, flag, token, expect="no_grant", now=NOW, want=None):
    c = {"id": id, "comment": comment, "flags": [flag], "now_ms": int(now * 1000), "input": {"token": token}, "expect": expect}
    if want is not None:
        c["want"] = {k: want[k] or "" for k in ("id", "decision_id", "card_ref", "network", "wallet", "method")} | {"issued_at": want["iat"], "expires": want["exp"]}
    cases.append(c)


def good(id, comment, g, now=NOW, **how):
    case(id, comment, "time" if now != NOW else "opens", jws(js(g), **how), "ok", now, g)


good("ed25519", "Google Pay", grant())
good("p-256", "Apple Pay, no device", grant(wallet="apple_pay", account=None, device=None, nonce="9c023092"), alg="ES256", key=P256, kid="p256")
good("rsa-pss", "Samsung Pay, after a step-up", grant(wallet="samsung_pay", method="app", network="mastercard"), alg="PS256", key=RSA, kid="rsa")
good("rsa-by-its-alg", "a key that names its algorithm", grant(), alg="RS512", key=RSA, kid="rs512")
good("apple-device", "Apple Pay, with a device", grant(wallet="apple_pay", account=None, nonce="00"))
good("own-scheme", "a key for grants alone", grant(), kid="own-scheme")
good("short-life", "a second", grant(exp=NOW + 1))
good("header-order", "members of the header in another order, and an unknown one", grant(), header={"typ": TYP, "x": 1, "kid": "ed", "alg": "EdDSA"})
good("last-instant", "a millisecond before the end", grant(), now=NOW + 299.999)
good("clock-ahead", "the maker's clock is a minute ahead", grant(), now=NOW - 60)
case("expired", "the end itself", "time", jws(js(grant())), "grant_time", NOW + 300)
case("long-expired", "a year", "time", jws(js(grant())), "grant_time", NOW + 31536000)
case("too-early", "more than a minute ahead", "time", jws(js(grant())), "grant_time", NOW - 60.001)

text = jws(js(grant()))
case("empty", "nothing", "form", "")
case("two-parts", "no signature", "form", text.rsplit(".", 1)[0])
case("four-parts", "one more", "form", text + ".")
case("padded", "Base64 with padding", "form", text + "==")
case("line-break", "a line break within", "form", text[:40] + "\n" + text[40:])
case("too-long", "more than 4096 bytes", "form", text + "A" * 4096)
case("no-typ", "a header without typ", "form", jws(js(grant()), header={"alg": "EdDSA", "kid": "ed"}))
case("typ-jwt", "a token of another purpose", "form", jws(js(grant()), header={"alg": "EdDSA", "kid": "ed", "typ": "JWT"}))
case("typ-case", "the typ in capitals", "form", jws(js(grant()), header={"alg": "EdDSA", "kid": "ed", "typ": TYP.upper()}))
case("crit", "an extension", "form", jws(js(grant()), header={"alg": "EdDSA", "kid": "ed", "typ": TYP, "crit": ["x"], "x": 1}))
case("header-twice", "a name twice", "form", jws(js(grant()), header=None).replace(u(js({"alg": "EdDSA", "kid": "ed", "typ": TYP}).encode()), u(b'{"alg":"EdDSA","kid":"ed","kid":"ed","typ":"' + TYP.encode() + b'"}')))
case("no-json", "a payload that is no JSON", "form", jws("{"))
case("array", "a payload that is no object", "form", jws("[]"))
case("empty-payload", "no payload", "form", jws(""))
case("blank", "a blank between members", "form", jws(js(grant()).replace(',"aud"', ', "aud"')))
g = grant()
case("order", "members in another order", "form", jws(js(dict(reversed(list(g.items()))))))
case("one-more", "a member more", "form", jws(js({**g, "x": 1})))
case("one-less", "a member less", "form", jws(js({k: v for k, v in g.items() if k != "method"})))
case("twice", "a member twice", "form", jws(js(g).replace('"card_ref"', '"card_ref":"k1:card-b","card_ref"')))
case("escape", "a character written as an escape", "form", jws(js(g).replace("k1:card-a", "k1:card-\\u0061")))
case("exponent", "a number written otherwise", "form", jws(js(g).replace('"exp":%d' % (NOW + 300), '"exp":%d.0' % (NOW + 300))))
case("number-as-text", "an instant as text", "form", jws(js(g).replace('"iat":%d' % NOW, '"iat":"%d"' % NOW)))

case("format-2", "a later format", "members", jws(js(grant(format=2))))
case("life-301", "good for longer than 5 minutes", "members", jws(js(grant(exp=NOW + 301))))
case("life-0", "good for no time", "members", jws(js(grant(exp=NOW))))
case("life-negative", "ends before it begins", "members", jws(js(grant(exp=NOW - 1))))
case("id-of-another", "an id that is not its decision's", "members", jws(js(grant(id=bind("x", "id", "")))))
case("no-decision", "no decision", "members", jws(js(grant(decision_id="", id=bind("", "id", "")))))
case("no-card", "no card", "members", jws(js(grant(card_ref=""))))
case("card-blank", "a card reference with a blank", "members", jws(js(grant(card_ref="k1 card"))))
case("card-long", "a card reference of 257 bytes", "members", jws(js(grant(card_ref="a" * 257))))
case("no-network", "no network", "members", jws(js(grant(network=None))))
case("unknown-wallet", "a wallet that payloads are not built for", "members", jws(js(grant(wallet="swatch_pay"))))
case("google-no-account", "Google Pay without an account", "members", jws(js(grant(account=None))))
case("google-no-device", "Google Pay without a device", "members", jws(js(grant(device=None))))
case("google-nonce", "Google Pay with a nonce", "members", jws(js(grant(nonce="00"))))
case("apple-no-nonce", "Apple Pay without a nonce", "members", jws(js(grant(wallet="apple_pay", account=None))))
case("apple-account", "Apple Pay with an account", "members", jws(js(grant(wallet="apple_pay", nonce="00"))))
case("digest-capitals", "a digest in capitals", "members", jws(js({**g, "account": g["account"].upper()})))
case("digest-short", "a digest cut off", "members", jws(js({**g, "device": g["device"][:62]})))

case("foreign-key", "signed by a key that is nobody's here", "forged", jws(js(g), key=FOREIGN), "grant_forged")
case("unknown-kid", "a kid that is not known", "forged", jws(js(g), kid="zz"), "grant_forged")
case("no-kid", "no kid", "forged", jws(js(g), header={"alg": "EdDSA", "typ": TYP}), "grant_forged")
case("alg-none", "unsigned", "forged", jws(js(g), alg="none"), "grant_forged")
case("hmac-public", "HMAC with the public key as secret", "forged", jws(js(g), alg="HS256", key=raw(ED)), "grant_forged")
case("other-alg", "another algorithm than the key's", "forged", jws(js(g), alg="ES256", key=P256), "grant_forged")
case("rs256-for-ps256", "an RSA key without alg signs PS256 alone", "forged", jws(js(g), alg="RS256", key=RSA, kid="rsa"), "grant_forged")
case("other-scheme", "a key for another scheme", "forged", jws(js(g), kid="other-scheme"), "grant_forged")
case("ended-key", "a key whose time is over", "forged", jws(js(g), kid="ended"), "grant_forged")
case("other-audience", "made for another place", "forged", jws(js(grant(aud="elsewhere"))), "grant_forged")
case("no-audience", "made for no place", "forged", jws(js(grant(aud=""))), "grant_forged")
head, body, sig = text.split(".")
case("other-payload", "the signature of another payload", "forged", head + "." + u(js(grant(card_ref="k1:card-b")).encode()) + "." + sig, "grant_forged")
case("no-signature", "an empty signature", "forged", head + "." + body + ".", "grant_forged")

out = {
    "format": 1, "kind": "grant", "comment": "Signed grants, written by crypto/provision/testdata/grants.py with Python's cryptography. The keys are nobody's.",
    "notes": NOTES, "setup": {"keys": KEYS, "audience": "builder"}, "cases": cases,
}
with open(os.path.join(sys.argv[1], "grants.json"), "w") as f:
    json.dump(out, f, indent=1, ensure_ascii=False)
    f.write("\n")
print(len(cases), "cases")
