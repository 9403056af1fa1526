#!/usr/bin/env python3
"""Writes testdata/vectors/provision_apple.json with pyca's "cryptography" (48) and
Python's standard library, so that no answer comes from the Go code that it tries.

    python3 crypto/provision/testdata/vectors_apple.py testdata/vectors

Keys are SHA-256 of a label; ECDSA signatures of certificates draw their own randomness,
so that two runs give different, equally good files.
"""
import base64, datetime, hashlib, json, os, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.x509.oid import NameOID

NOW = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.timezone.utc)
DAY = datetime.timedelta(days=1)


def b64(b):
    return base64.b64encode(b).decode()


def key(label, curve=ec.SECP256R1()):
    return ec.derive_private_key(int.from_bytes(hashlib.sha256(label.encode()).digest(), "big"), curve)


def scalar(k):
    return k.private_numbers().private_value.to_bytes(32, "big")


def point(pub):
    return pub.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


cases = []


def case(id, comment, flags, input, expect="ok", want=None, now=NOW):
    c = {"id": id, "comment": comment, "flags": flags, "now_ms": int(now.timestamp() * 1000), "input": input, "expect": expect}
    if want is not None:
        c["want"] = want
    cases.append(c)


# ---------------------------------------------------------------- EV_ECC_v2
def kdf(z, e, counter=b"\0\0\0\1", algorithm=b"\x0did-aes256-GCM", u=b"Apple", v=None, x963=False):
    info = algorithm + u + (e if v is None else v)
    return hashlib.sha256(z + counter + info if x963 else counter + z + info).digest()


def agree(own, to):
    return own.exchange(ec.ECDH(), to)


def seal(own, to, plaintext, iv=bytes(12), **change):
    e = point(own.public_key())
    return AESGCM(kdf(agree(own, to), e, **change)).encrypt(iv, plaintext, None)


LEAF = key("leaf")
KNOWN_TO = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex(
    "042E3E5CCF6B9AB04BE7A22F3FACCFDE73C87E87155394A34815408A896CA18A374DAC669AF3BF6220FC863767F4AF47507C5BC221FC4A19874DAF39B4074E3EB8"))
KNOWN_OWN = ec.derive_private_key(0x7EEE47DEE108A08EDD2BCD2BB762A543CA23EA96C9AF09AD54BEB9FA3CE1A026, ec.SECP256R1())
KNOWN_TEXT = b'{"Parameter1":"Value1","Parameter2":"Value2","Parameter3":"Value3"}'
assert seal(KNOWN_OWN, KNOWN_TO, KNOWN_TEXT).hex().upper().startswith("E3EF6BA2FFA05B6985FE129E3CB6845C4EA1E94A")
assert seal(KNOWN_OWN, KNOWN_TO, b"Data to encrypt").hex() == "dcac4fa2adb5592c94f503dd67fcd25260e780f69d520469cbe751eecbbab7"


def sealed(id, comment, flags, own, to, plaintext):
    case(id, comment, flags, {"do": "seal", "to_b64": b64(point(to)), "own_b64": b64(scalar(own)), "plaintext": plaintext.decode()},
         want={"sealed_b64": b64(seal(own, to, plaintext)), "ephemeral_b64": b64(point(own.public_key()))})


PLAIN = ('{"primaryAccountNumber":"4000000000000002","expiration":"12/30","name":"JOS\u00c9 \u00d1AND\u00da","nonce":"9c023092","nonceSignature":"40'
         + "a5" * 80 + '"}').encode()
sealed("seal-known", "the known answer that four public implementations share", ["published"], KNOWN_OWN, KNOWN_TO, KNOWN_TEXT)
sealed("seal-known-second", "a second plaintext under the same keys", ["published"], KNOWN_OWN, KNOWN_TO, b"Data to encrypt")
sealed("seal-card", "a payload", ["recipe"], key("own"), LEAF.public_key(), PLAIN)
sealed("seal-empty", "no plaintext: a tag alone", ["recipe"], key("own"), LEAF.public_key(), b"")


def zeros(which):
    for i in range(100000):
        own = key("zeros %d" % i)
        e, z = point(own.public_key()), agree(own, LEAF.public_key())
        if {"x": e[1], "y": e[33], "z": z[0]}[which] == 0:
            return own


for which in "xyz":
    sealed("seal-zero-" + which, which.upper() + " begins with 00", ["padding"], zeros(which), LEAF.public_key(), PLAIN)
    own = zeros(which)
    case("open-zero-" + which, which.upper() + " begins with 00", ["padding"],
         {"do": "open", "key_b64": b64(scalar(LEAF)), "ephemeral_b64": b64(point(own.public_key())), "sealed_b64": b64(seal(own, LEAF.public_key(), PLAIN))},
         want={"plaintext": PLAIN.decode()})


def opening(id, comment, flags, message, e=None, expect="decryption"):
    case(id, comment, flags, {"do": "open", "key_b64": b64(scalar(LEAF)), "ephemeral_b64": b64(point(key("own").public_key()) if e is None else e), "sealed_b64": b64(message)},
         expect, {"plaintext": PLAIN.decode()} if expect == "ok" else None)


OWN, TO = key("own"), LEAF.public_key()
E = point(OWN.public_key())
GOOD = seal(OWN, TO, PLAIN)
flip = lambda b, i: b[:i] + bytes([b[i] ^ 1]) + b[i + 1:]
opening("open", "a payload", ["recipe"], GOOD, expect="ok")
opening("open-iv-16", "an IV of 16 bytes, which a merchant's token has", ["recipe"], seal(OWN, TO, PLAIN, iv=bytes(16)))
opening("open-x963", "ANSI X9.63: the counter behind Z", ["recipe"], seal(OWN, TO, PLAIN, x963=True))
opening("open-no-counter", "no counter", ["recipe"], seal(OWN, TO, PLAIN, counter=b""))
opening("open-counter-0", "a counter from 0", ["recipe"], seal(OWN, TO, PLAIN, counter=bytes(4)))
opening("open-no-length", "no length before the algorithm", ["recipe"], seal(OWN, TO, PLAIN, algorithm=b"id-aes256-GCM"))
opening("open-party-v-hash", "PartyV is the hash of the receiver's key", ["recipe"], seal(OWN, TO, PLAIN, v=hashlib.sha256(point(TO)).digest()))
opening("open-party-v-receiver", "PartyV is the receiver's key", ["recipe"], seal(OWN, TO, PLAIN, v=point(TO)))
opening("open-no-party-u", "no PartyU", ["recipe"], seal(OWN, TO, PLAIN, u=b""))
opening("open-flip-text", "a bit of the ciphertext", ["strict"], flip(GOOD, 3))
opening("open-flip-tag", "a bit of the tag", ["strict"], flip(GOOD, len(GOOD) - 1))
opening("open-short-tag", "a tag of 15 bytes", ["strict"], GOOD[:-1])
opening("open-no-tag", "no tag", ["strict"], GOOD[:-16])
opening("open-empty", "nothing", ["strict"], b"")
opening("open-other-e", "the ephemeral key of another request", ["strict"], GOOD, point(key("other").public_key()))
opening("open-flip-e", "an ephemeral key that is off the curve", ["strict"], GOOD, flip(E, 64))
opening("open-compressed-e", "a compressed ephemeral key", ["strict"], GOOD, bytes([2 + E[64] % 2]) + E[1:33])
opening("open-no-e", "no ephemeral key", ["strict"], GOOD, b"")

# ---------------------------------------------------------------- certificates
NULL = b"\x05\x00"


def name(cn):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test only")])


def certificate(subject, issuer, pub, signer, extensions, days=(-300, 400), ca=False, usage=("key_encipherment", "key_agreement")):
    uses = {u: False for u in ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]}
    for u in usage:
        uses[u] = True
    b = (x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(pub).serial_number(x509.random_serial_number())
         .not_valid_before(NOW + days[0] * DAY).not_valid_after(NOW + days[1] * DAY)
         .add_extension(x509.BasicConstraints(ca, None), critical=True).add_extension(x509.KeyUsage(**uses), critical=True))
    for oid, critical, value in extensions:
        b = b.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), critical=critical)
    return b.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


MARKER, MERCHANT, BETWEEN = "1.2.840.113635.100.6.39", "1.2.840.113635.100.6.32", "1.2.840.113635.100.6.2.15"
SIGN = ("key_cert_sign", "crl_sign")
ROOT_KEY, CA_KEY, OTHER_KEY = key("root", ec.SECP384R1()), key("intermediate"), key("other root", ec.SECP384R1())
ROOT_NAME, CA_NAME, LEAF_NAME = "Test-only Root CA - G3", "Test-only Developer Relations CA - G2", "test-only-services-encipherment_UC6-PROD"
ROOT = certificate(ROOT_NAME, ROOT_NAME, ROOT_KEY.public_key(), ROOT_KEY, [], (-4000, 4000), True, SIGN)
OTHER_ROOT = certificate(ROOT_NAME, ROOT_NAME, OTHER_KEY.public_key(), OTHER_KEY, [], (-4000, 4000), True, SIGN)


def intermediate(signer=ROOT_KEY, subject=CA_NAME, extensions=((BETWEEN, False, NULL),), days=(-3000, 900), ca=True):
    return certificate(subject, ROOT_NAME, CA_KEY.public_key(), signer, extensions, days, ca, SIGN if ca else ("key_agreement",))


def leaf(pub=TO, cn=LEAF_NAME, extensions=((MARKER, True, NULL),), issuer=CA_NAME, **more):
    return certificate(cn, issuer, pub, CA_KEY, extensions, **more)


CA = intermediate()


def chain(id, comment, certs, ok=False, flags=("chain",)):
    case(id, comment, list(flags), {"do": "chain", "certificates_b64": [b64(c) for c in certs]}, "ok" if ok else "certificate", {"key_b64": b64(point(TO))} if ok else None)


chain("chain", "leaf and intermediate", [leaf(), CA], True)
chain("chain-root", "leaf, intermediate and root", [leaf(), CA, ROOT], True)
chain("chain-name", "an intermediate with Apple's name and no mark", [leaf(issuer="Apple Worldwide Developer Relations CA - G2"),
      intermediate(subject="Apple Worldwide Developer Relations CA - G2", extensions=())], True)
chain("chain-agreement-alone", "a leaf for key agreement alone", [leaf(usage=("key_agreement",)), CA], True)
for id, comment, certs in [
    ("no-marker", "no marker", [leaf(extensions=()), CA]),
    ("marker-not-critical", "a marker that is not critical", [leaf(extensions=((MARKER, False, NULL),)), CA]),
    ("marker-octets", "a marker whose value is an empty OCTET STRING", [leaf(extensions=((MARKER, True, b"\x04\x00"),)), CA]),
    ("marker-empty", "a marker without a value", [leaf(extensions=((MARKER, True, b""),)), CA]),
    ("marker-long", "more behind NULL", [leaf(extensions=((MARKER, True, NULL + NULL),)), CA]),
    ("critical", "another critical extension", [leaf(extensions=((MARKER, True, NULL), ("1.2.3.4", True, NULL))), CA]),
    ("merchant", "a merchant's certificate", [leaf(extensions=((MERCHANT, False, NULL),)), CA]),
    ("merchant-marked", "a merchant's certificate with the marker", [leaf(extensions=((MARKER, True, NULL), (MERCHANT, False, NULL))), CA]),
    ("leaf-ca", "a leaf that is a certificate authority", [leaf(ca=True), CA]),
    ("leaf-usage", "a leaf that is not for key agreement", [leaf(usage=("key_encipherment",)), CA]),
    ("leaf-p384", "a key on P-384", [leaf(key("x", ec.SECP384R1()).public_key()), CA]),
    ("leaf-rsa", "an RSA key", [leaf(rsa.generate_private_key(65537, 2048).public_key()), CA]),
    ("leaf-sandbox", "the sandbox's leaf", [leaf(cn="test-only-services-encipherment_UC6-SANDBOX"), CA]),
    ("leaf-expired", "a leaf of yesterday", [leaf(days=(-300, -1)), CA]),
    ("leaf-future", "a leaf of tomorrow", [leaf(days=(1, 300)), CA]),
    ("intermediate-expired", "an intermediate of yesterday", [leaf(), intermediate(days=(-3000, -1))]),
    ("intermediate-unmarked", "an intermediate with neither mark nor name", [leaf(), intermediate(extensions=())]),
    ("intermediate-leaf", "an intermediate that is no certificate authority", [leaf(), intermediate(ca=False)]),
    ("other-root", "an intermediate under another root of the same name", [leaf(), intermediate(OTHER_KEY)]),
    ("other-root-sent", "the same, with that root", [leaf(), intermediate(OTHER_KEY), OTHER_ROOT]),
    ("other-root-behind", "another root behind a good chain", [leaf(), CA, OTHER_ROOT]),
    ("order", "the intermediate first", [CA, leaf()]),
    ("order-root", "the root in the second place", [leaf(), ROOT, CA]),
    ("alone", "the leaf alone", [leaf()]),
    ("none", "no certificate", []),
    ("four", "four certificates", [leaf(), CA, ROOT, ROOT]),
    ("no-leaf", "no leaf", [CA, ROOT]),
    ("tail", "a byte behind the leaf", [leaf() + b"\0", CA]),
]:
    chain("chain-" + id, comment, certs)

# Apple's own, of 2018 to 2020.
TEXT = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "apple-chain-2018.txt")).read()
APPLE = [x509.load_pem_x509_certificate(("-----BEGIN" + p).encode()) for p in TEXT.split("-----BEGIN")[1:]]
APPLE_DER = [c.public_bytes(serialization.Encoding.DER) for c in APPLE]
assert hashlib.sha256(APPLE_DER[2]).hexdigest().upper() == "63343ABFB89A6A03EBB57E9B3F5FA7BE7C4F5C756F3017B3A8C488C3653E9179"
for child, parent in [(0, 1), (1, 2), (2, 2)]:
    APPLE[child].verify_directly_issued_by(APPLE[parent])


def apples(id, comment, certs, now, ok):
    case(id, comment, ["published", "chain"], {"do": "chain", "certificates_b64": [b64(c) for c in certs]}, "ok" if ok else "certificate",
         {"key_b64": b64(point(APPLE[0].public_key()))} if ok else None, now)


IN_2019 = datetime.datetime(2019, 1, 1, tzinfo=datetime.timezone.utc)
apples("chain-apple", "a production chain of Apple's, in 2019", APPLE_DER[:2], IN_2019, True)
apples("chain-apple-root", "the same with its root", APPLE_DER, IN_2019, True)
apples("chain-apple-late", "the same in 2026, when the leaf is out of date", APPLE_DER[:2], NOW, False)
apples("chain-apple-mixed", "Apple's leaf under another intermediate", [APPLE_DER[0], CA], IN_2019, False)
apples("chain-apple-ours", "a leaf of ours under Apple's intermediate", [leaf(issuer="Apple Worldwide Developer Relations CA - G2"), APPLE_DER[1]], IN_2019, False)

# ---------------------------------------------------------------- Visa's MBPAC and MBPAD
WSD = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")


def mbp(kind, text, random):
    block = "  " + random + str(len(text)) + text
    block += "!" * (-len(block) % 8)
    c = Cipher(TripleDES(WSD + WSD[:8]), modes.CBC(bytes(8))).encryptor()
    return kind + "-1-FK-123456.1--TDEA-" + (c.update(block.encode()) + c.finalize()).hex().upper()


def mbpac(id, comment, nonce, code, random):
    case(id, comment, ["self-made"], {"do": "mbpac", "nonce": nonce, "auth_code": code, "random": random}, want={"text": mbp("MBPAC", "nonce=%s;authcode=%s" % (nonce, code), random)})


def mbpad(id, comment, pan, month, year, random):
    text = "pan=%s;expiry=%02d%02d;datetime=%s" % (pan, month, year % 100, NOW.strftime("%Y%m%d%H%M%S"))
    case(id, comment, ["self-made"], {"do": "mbpad", "pan": pan, "month": month, "year": year, "random": random}, want={"text": mbp("MBPAD", text, random)})


assert mbp("MBPAC", "nonce=9c023092;authcode=ABC123", "Ab1#").endswith("BF17D5C141EC69537F1522BA4BDB3C7F121618069433E4714D01FEAE453F43DE4ECC5045BD179452")
mbpac("mbpac", "a nonce of 4 bytes", "9c023092", "ABC123", "Ab1#")
mbpac("mbpac-8", "a nonce of 8 bytes", "9c0230929c023092", "ZZZZZZ", "!~!~")
mbpac("mbpac-64", "a nonce of 64 bytes: a length of three digits", "0f" * 64, "000000", "xyz!")
mbpad("mbpad", "16 digits", "4111111111111111", 12, 2030, "Ab1#")
mbpad("mbpad-13", "13 digits", "4222222222222", 1, 2027, "!!!!")
mbpad("mbpad-19", "19 digits", "4000000000000000006", 10, 2046, "~~~~")

notes = {
    "published": {"bug": "our reading differs from the known answer, or from Apple's own certificates", "effect": "Apple cannot decrypt, or no request is answered"},
    "recipe": {"bug": "another key derivation, IV or order", "effect": "Apple cannot decrypt, or we take for right what it cannot"},
    "padding": {"bug": "a coordinate loses its leading zeros", "effect": "one request in a hundred fails, and nobody knows why"},
    "strict": {"bug": "a changed message is opened", "effect": "whoever carries the payload changes it"},
    "chain": {"bug": "a certificate is taken that is not Apple's for this use", "effect": "card numbers are encrypted to a stranger"},
    "self-made": {"bug": "the layout changed", "effect": "unknown: nobody has confirmed it; it holds our code to one reading"},
}
out = {"format": 1, "kind": "provision_apple",
       "comment": "Apple Pay's EV_ECC_v2, certificates and Visa's MBPAC and MBPAD. Written by crypto/provision/testdata/vectors_apple.py with pyca; certificates are of tests, but for a chain of Apple's of 2018.",
       "notes": notes, "setup": {"roots_b64": [b64(ROOT), b64(APPLE_DER[2])], "wsd_hex": WSD.hex().upper(), "key_set_id": "123456.1"}, "cases": cases}
with open(os.path.join(sys.argv[1], "provision_apple.json"), "w") as f:
    f.write(json.dumps(out, indent=1, ensure_ascii=False) + "\n")
