#!/usr/bin/env python3
"""Writes testdata/vectors/provision_{mastercard,visa}.json with pyca's
"cryptography" (48) and Python's standard library, so that no answer comes from the
Go code that it tries.

    python3 crypto/provision/testdata/vectors.py testdata/vectors

Keys and initialization vectors are SHA-256 of a label; RSA-OAEP and PSS draw their
own randomness, so that two runs give different, equally good files.
"""
import base64, hashlib, json, os, re, sys
from cryptography.hazmat.primitives import hashes, padding as sympad, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HERE = os.path.dirname(os.path.abspath(__file__))
TEXT = open(os.path.join(HERE, "mastercard-test-key.txt")).read()
KEY_PEM = re.search(r"-----BEGIN RSA PRIVATE KEY-----.*?-----END RSA PRIVATE KEY-----\n", TEXT, re.S).group(0)
CERT_PEM = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", TEXT, re.S).group(0)
KEY = serialization.load_pem_private_key(KEY_PEM.encode(), None)
CERT_SHA256 = "80810fc13a8319fcf0e2ec322c82a4c304b782cc3ce671176343cfe8160c2279"
KEY_SHA256 = "761b003c1eade3a5490e5000d37887baa5e6ec0e226c07706e599451fc032a79"
SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCD"
KID = "TESTAPIKEY0000000000000000000000000000000000000001"
SIGN_KEY_FILE = os.path.join(HERE, "..", "..", "..", "internal", "testkey", "testdata", "test-only-rsa2048-a.pem")
VISA = serialization.load_pem_private_key(open(SIGN_KEY_FILE, "rb").read(), None)
NOW = 1700000000


def fixed(label, n):
    return hashlib.sha256(label.encode()).digest()[:n]


def u(b):
    return base64.urlsafe_b64encode(b).rstrip(b"=").decode()


def js(v):
    return json.dumps(v, separators=(",", ":"), ensure_ascii=False)


def oaep(h):
    return padding.OAEP(padding.MGF1(h()), h(), None)


cases = []


def case(id, comment, flags, input, expect="decryption", want=None):
    c = {"id": id, "comment": comment, "flags": flags, "now_ms": 0, "input": input, "expect": expect}
    if want is not None:
        c["want"] = want
    cases.append(c)


# ---------------------------------------------------------------- Mastercard, encryptedPayload
def mc(plaintext, h=hashes.SHA256, name="SHA256", aes=fixed("aes", 16), vec=fixed("iv", 16), padded=None, **change):
    if padded is None:
        p = sympad.PKCS7(128).padder()
        padded = p.update(plaintext) + p.finalize()
    e = Cipher(algorithms.AES(aes), modes.CBC(vec)).encryptor()
    data = e.update(padded) + e.finalize()
    v = {"encryptedData": data.hex(), "publicKeyFingerprint": CERT_SHA256, "encryptedKey": KEY.public_key().encrypt(aes, oaep(h)).hex(),
         "oaepHashingAlgorithm": name, "iv": vec.hex()}
    for k, x in change.items():
        if x is None:
            del v[k]
        else:
            v[k] = x
    return js(v)


def opened(id, comment, flags, format, payload, plaintext):
    case(id, comment, flags, {"format": format, "payload": payload}, "ok", {"plaintext": plaintext})


def refused(id, comment, flags, format, payload):
    case(id, comment, flags, {"format": format, "payload": payload})


CARD = b'{"accountNumber":"5123456789012346","expiryMonth":"12","expiryYear":"30","source":"CARD_ADDED_VIA_APPLICATION","cardholderName":"TEST CARDHOLDER"}'
F = "mastercard_payload"
JAVA_KEY = ("26687f6d03d27145451d20bdaa29cc199e2533bb9eb7351772e31d1290b98380b43dbf47b9a337cc2ecaff9d3d9fb45305950f13382c5ad822ee6df79e1a57b14a3c58c71090121994a9f771ef96472669671718b55a0fa8d9f76de9e172fedcabbc87d64b5a994899e43abb19afa840269012c397b5b18d4babc0e41c1ad698db98c89121bbe5b2d227cfc5d3c3c87f4f4c8b04b509d326199b39adfbd8bca8bf0a150fcf3c37b9717382af502ad8d4d28b17b91762bf108d34aba0fb40ca410c2ecaeb30d68003af20dce27d9d034e4c557b8104e85f859de0eb709b23f9978869bae545c7f1b62173887eae9e75e4b6d6b4b01d7172ccc8c5774c0db51c24")
opened("mc-published", "client-encryption-java, testDecryptPayload_Nominal (MIT), its members under their MDES names", ["published"], F,
       js({"iv": "ba574b07248f63756bce778f8a115819", "encryptedKey": JAVA_KEY, "encryptedData": "2867e67545b2f3d0708500a1cea649e3",
           "publicKeyFingerprint": CERT_SHA256, "oaepHashingAlgorithm": "SHA256"}), "{}")
KAT = mc(CARD, aes=bytes(range(16)), vec=bytes(range(16, 32)))
assert json.loads(KAT)["encryptedData"].startswith("b176a4c90a347c57167c0c28c09a47a57908e97807b0a9a45d32c31ba8f422fb03651ad377d90832acf10cb294198580"), KAT
opened("mc-cbc", "known ciphertext: key 00..0f, IV 10..1f; computed with Python and openssl", ["recipe"], F, KAT, CARD.decode())
opened("mc-sha512", "OAEP with SHA-512", ["recipe"], F, mc(CARD, hashes.SHA512, "SHA512"), CARD.decode())
opened("mc-aes256", "an AES key of 256 bits", ["recipe"], F, mc(CARD, aes=fixed("aes", 32)), CARD.decode())
opened("mc-cbc-named", "the mode by its name", ["recipe"], F, mc(CARD, algorithmCipherMode="CBC"), CARD.decode())
v = json.loads(mc(CARD))
opened("mc-upper-hex", "hex in upper case", ["recipe"], F, js({k: (x.upper() if k != "oaepHashingAlgorithm" else x) for k, x in v.items()}), CARD.decode())
opened("mc-array", "an array, as Token Connect encrypts", ["recipe"], F, mc(b'[{"pushAccountId":"1"}]'), '[{"pushAccountId":"1"}]')
opened("mc-text", "a JSON text alone", ["recipe"], F, mc('"é"'.encode()), '"é"')
opened("mc-block", "a plaintext of whole blocks: a block of padding", ["recipe"], F, mc(b'"12345678901234"'), '"12345678901234"')
opened("mc-extra", "an unknown member is let through", ["recipe"], F, mc(CARD, somethingNew="x"), CARD.decode())


def gcm(plaintext=CARD, **change):
    key, iv, aad = fixed("aes", 16), fixed("iv", 12), fixed("aad", 16)
    sealed = AESGCM(key).encrypt(iv, plaintext, aad)
    v = {"encryptedData": sealed[:-16].hex(), "publicKeyFingerprint": CERT_SHA256, "encryptedKey": KEY.public_key().encrypt(key, oaep(hashes.SHA256)).hex(),
         "oaepHashingAlgorithm": "SHA256", "iv": iv.hex(), "algorithmCipherMode": "GCM", "tag": sealed[-16:].hex(), "aad": aad.hex()}
    for k, x in change.items():
        if x is None:
            del v[k]
        else:
            v[k] = x
    return js(v)


opened("mc-gcm", "the GCM option", ["recipe"], F, gcm(), CARD.decode())
for id, comment, change in [
    ("mc-no-iv", "no iv: zeros are not assumed", {"iv": None}),
    ("mc-no-oaep", "no hash: PKCS #1 v1.5 is not assumed", {"oaepHashingAlgorithm": None}),
    ("mc-no-key", "no encryptedKey", {"encryptedKey": None}),
    ("mc-no-data", "no encryptedData", {"encryptedData": None}),
    ("mc-hyphen", "SHA-256, as some code has it", {"oaepHashingAlgorithm": "SHA-256"}),
    ("mc-sha1", "SHA-1", {"oaepHashingAlgorithm": "SHA1"}),
    ("mc-short-iv", "an IV of 12 bytes", {"iv": "00" * 12}),
    ("mc-odd-hex", "hex of an odd length", {"iv": "0" * 31}),
    ("mc-empty-data", "no bytes", {"encryptedData": ""}),
    ("mc-half-block", "no whole block", {"encryptedData": "00" * 24}),
    ("mc-tag-in-cbc", "a tag in CBC", {"tag": "00" * 16}),
    ("mc-other-mode", "another mode", {"algorithmCipherMode": "CTR"}),
    ("mc-other-key", "a fingerprint of no key of ours", {"publicKeyFingerprint": "00" * 32}),
    ("mc-fingerprint-path", "a fingerprint that is no hex", {"publicKeyFingerprint": "../../key"}),
    ("mc-number", "a number in the place of a text", {"iv": 0}),
    ("mc-short-key", "an encryptedKey that is shorter than the modulus", {"encryptedKey": "00" * 255}),
    ("mc-random-key", "an encryptedKey of other bytes", {"encryptedKey": "01" * 256}),
]:
    refused(id, comment, ["strict"], F, mc(CARD, **change))
refused("mc-wrong-hash", "another hash than the one that was used", ["strict"], F, mc(CARD, hashes.SHA512, "SHA256"))
refused("mc-aes192", "an AES key of 192 bits", ["strict"], F, mc(CARD, aes=fixed("aes", 24)))
refused("mc-aes-8", "a key of 8 bytes", ["strict"], F, js({**json.loads(mc(CARD)), "encryptedKey": KEY.public_key().encrypt(b"8" * 8, oaep(hashes.SHA256)).hex()}))
refused("mc-padding-0", "padding of zeros", ["padding"], F, mc(b"", padded=b'{"a":"12345678"' + b"\x00"))
refused("mc-padding-17", "padding longer than a block", ["padding"], F, mc(b"", padded=b'{"a":"12345678}' + b"\x11" * 17))
refused("mc-padding-mixed", "padding of different bytes", ["padding"], F, mc(b"", padded=b'{"a":"123456}' + b"\x02\x03\x03"))
refused("mc-no-json", "a plaintext that is no JSON", ["padding"], F, mc(b"hello"))
refused("mc-twice", "a plaintext with a name twice", ["strict"], F, mc(b'{"a":1,"a":2}'))
refused("mc-member-twice", "an envelope with a name twice", ["strict"], F, mc(CARD)[:-1] + ',"iv":"' + "00" * 16 + '"}')
refused("mc-case", "a member in another case", ["strict"], F, mc(CARD)[:-1] + ',"Tag":"x"}')
refused("mc-null", "no object", ["strict"], F, "null")
refused("mc-empty", "nothing", ["strict"], F, "")
refused("mc-gcm-tag", "another tag", ["strict"], F, gcm(tag="00" * 16))
refused("mc-gcm-short-tag", "a tag of 12 bytes", ["strict"], F, gcm(tag=json.loads(gcm())["tag"][:24]))
refused("mc-gcm-no-aad", "no aad", ["strict"], F, gcm(aad=None))
refused("mc-gcm-other-aad", "another aad", ["strict"], F, gcm(aad="00"))
refused("mc-gcm-as-cbc", "GCM that is said to be CBC", ["strict"], F, gcm(algorithmCipherMode="CBC", tag=None, aad=None))

# ---------------------------------------------------------------- Mastercard, JWE
G = "mastercard_jwe"
PUB = {
    "256gcm": ("eyJraWQiOiI3NjFiMDAzYzFlYWRlM2E1NDkwZTUwMDBkMzc4ODdiYWE1ZTZlYzBlMjI2YzA3NzA2ZTU5OTQ1MWZjMDMyYTc5IiwiY3R5IjoiYXBwbGljYXRpb25cL2pzb24iLCJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiUlNBLU9BRVAtMjU2In0.8c6vxeZOUBS8A9SXYUSrRnfl1ht9xxciB7TAEv84etZhQQ2civQKso-htpa2DWFBSUm-UYlxb6XtXNXZxuWu-A0WXjwi1K5ZAACc8KUoYnqPldEtC9Q2bhbQgc_qZF_GxeKrOZfuXc9oi45xfVysF_db4RZ6VkLvY2YpPeDGEMX_nLEjzqKaDz_2m0Ae_nknr0p_Nu0m5UJgMzZGR4Sk1DJWa9x-WJLEyo4w_nRDThOjHJshOHaOU6qR5rdEAZr_dwqnTHrjX9Qm9N9gflPGMaJNVa4mvpsjz6LJzjaW3nJ2yCoirbaeJyCrful6cCiwMWMaDMuiBDPKa2ovVTy0Sw.w0Nkjxl0T9HHNu4R.suRZaYu6Ui05Z3-vsw.akknMr3Dl4L0VVTGPUszcA", '{"foo":"bar"}'),
    "128gcm": ("eyJlbmMiOiJBMTI4R0NNIiwiYWxnIjoiUlNBLU9BRVAtMjU2In0.WtvYljbsjdEv-Ttxx1p6PgyIrOsLpj1FMF9NQNhJUAHlKchAo5QImgEgIdgJE7HC2KfpNcHiQVqKKZq_y201FVzpicDkNzlPJr5kIH4Lq-oC5iP0agWeou9yK5vIxFRP__F_B8HSuojBJ3gDYT_KdYffUIHkm_UysNj4PW2RIRlafJ6RKYanVzk74EoKZRG7MIr3pTU6LIkeQUW41qYG8hz6DbGBOh79Nkmq7Oceg0ZwCn1_MruerP-b15SGFkuvOshStT5JJp7OOq82gNAOkMl4fylEj2-vADjP7VSK8GlqrA7u9Tn-a4Q28oy0GOKr1Z-HJgn_CElknwkUTYsWbg.PKl6_kvZ4_4MjmjW.AH6pGFkn7J49hBQcwg.zdyD73TcuveImOy4CRnVpw", '{"foo":"bar"}'),
    "192gcm": ("eyJlbmMiOiJBMTkyR0NNIiwiYWxnIjoiUlNBLU9BRVAtMjU2In0.FWC8PVaZoR2TRKwKO4syhSJReezVIvtkxU_yKh4qODNvlVr8t8ttvySJ-AjM8xdI6vNyIg9jBMWASG4cE49jT9FYuQ72fP4R-Td4vX8wpB8GonQj40yLqZyfRLDrMgPR20RcQDW2ThzLXsgI55B5l5fpwQ9Nhmx8irGifrFWOcJ_k1dUSBdlsHsYxkjRKMENu5x4H6h12gGZ21aZSPtwAj9msMYnKLdiUbdGmGG_P8a6gPzc9ih20McxZk8fHzXKujjukr_1p5OO4o1N4d3qa-YI8Sns2fPtf7xPHnwi1wipmCC6ThFLU80r3173RXcpyZkF8Y3UacOS9y1f8eUfVQ.JRE7kZLN4Im1Rtdb.eW_lJ-U330n0QHqZnQ._r5xYVvMCrvICwLz4chjdw", '{"foo":"bar"}'),
    "cbc": ("eyJraWQiOiI3NjFiMDAzYzFlYWRlM2E1NDkwZTUwMDBkMzc4ODdiYWE1ZTZlYzBlMjI2YzA3NzA2ZTU5OTQ1MWZjMDMyYTc5IiwiY3R5IjoiYXBwbGljYXRpb25cL2pzb24iLCJlbmMiOiJBMTI4Q0JDLUhTMjU2IiwiYWxnIjoiUlNBLU9BRVAtMjU2In0.5bsamlChk0HR3Nqg2UPJ2Fw4Y0MvC2pwWzNv84jYGkOXyqp1iwQSgETGaplIa7JyLg1ZWOqwNHEx3N7gsN4nzwAnVgz0eta6SsoQUE9YQ-5jek0COslUkoqIQjlQYJnYur7pqttDibj87fcw13G2agle5fL99j1QgFPjNPYqH88DMv481XGFa8O3VfJhW93m73KD2gvE5GasOPOkFK9wjKXc9lMGSgSArp3Awbc_oS2Cho_SbsvuEQwkhnQc2JKT3IaSWu8yK7edNGwD6OZJLhMJzWJlY30dUt2Eqe1r6kMT0IDRl7jHJnVIr2Qpe56CyeZ9V0aC5RH1mI5dYk4kHg.yI0CS3NdBrz9CCW2jwBSDw.6zr2pOSmAGdlJG0gbH53Eg.UFgf3-P9UjgMocEu7QA_vQ", "bar"),
}
for name, (token, plaintext) in PUB.items():
    opened("jwe-" + name, "client-encryption-go, jwe_object_test.go (MIT)", ["published"], G, js({"encryptedData": token}), plaintext)
cbc = PUB["cbc"][0]
refused("jwe-cbc-tag", "A128CBC-HS256 with another tag, which Mastercard's own libraries let through", ["strict"], G, js({"encryptedData": cbc[:-22] + "A" * 22}))
refused("jwe-cbc-cut", "A128CBC-HS256 whose ciphertext was changed", ["strict"], G, js({"encryptedData": cbc.replace("6zr2", "7zr2")}))
refused("jwe-gcm-tag", "A256GCM with another tag", ["strict"], G, js({"encryptedData": PUB["256gcm"][0][:-22] + "A" * 22}))
refused("jwe-no-token", "no encryptedData", ["strict"], G, "{}")
refused("jwe-parts", "four parts", ["strict"], G, js({"encryptedData": cbc[:cbc.rindex(".")]}))


def rsa_jwe(key, header, plaintext, enc_bytes=32):
    cek, iv = fixed("cek", enc_bytes), fixed("iv", 12)
    h = u(js(header).encode())
    sealed = AESGCM(cek).encrypt(iv, plaintext, h.encode())
    return ".".join([h, u(key.public_key().encrypt(cek, oaep(hashes.SHA256))), u(iv), u(sealed[:-16]), u(sealed[-16:])])


refused("jwe-other-kid", "a kid of no key of ours", ["strict"], G, js({"encryptedData": rsa_jwe(KEY, {"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": "other"}, b"{}")}))
refused("jwe-rsa15", "RSA1_5", ["strict"], G, js({"encryptedData": rsa_jwe(KEY, {"alg": "RSA1_5", "enc": "A256GCM", "kid": KEY_SHA256}, b"{}")}))

# ---------------------------------------------------------------- Visa
H = "visa_shared"
OPC_PLAIN = '{"accountNumber":"4000000000000002","cvv2":"123","name":"TEST CARDHOLDER","expirationDate":{"month":"12","year":"2030"},"billingAddress":{"line1":"1 Test Street","city":"Testville","state":"CA","country":"US","postalCode":"94000"},"provider":{"intent":"PUSH_PROV_MOBILE","clientWalletProvider":"40010075001","clientWalletAccountID":"walletaccount0000000001","clientDeviceID":"device000000000000000001","clientAppID":"TestIssuerApp","isIDnV":"false"}}'
HEADER = ["alg", "channelSecurityContext", "enc", "iat", "iv", "kid", "tag", "typ"]


def shared(plaintext, secret=SECRET, kek=None, cek=fixed("cek", 32), kwiv=fixed("kwiv", 12), iv=fixed("iv", 12), order=HEADER, aad=b"", parts=None, **change):
    kek = kek or hashlib.sha256(secret.encode()).digest()
    wrapped = AESGCM(kek).encrypt(kwiv, cek, aad)
    v = {"alg": "A256GCMKW", "channelSecurityContext": "SHARED_SECRET", "enc": "A256GCM", "iat": NOW, "iv": u(kwiv), "kid": KID, "tag": u(wrapped[32:]), "typ": "JOSE"}
    v = {k: v[k] for k in order if k in v}
    v.update(change)
    h = u(js(v).encode())
    sealed = AESGCM(cek).encrypt(iv, plaintext, h.encode())
    p = [h, u(wrapped[:32]), u(iv), u(sealed[:-16]), u(sealed[-16:])]
    for i, x in (parts or {}).items():
        p[i] = x
    return ".".join(p)


KAT = shared(OPC_PLAIN.encode(), cek=bytes(range(32)), kwiv=bytes(range(0x40, 0x4c)), iv=bytes(range(0x60, 0x6c)))
assert hashlib.sha256(KAT.encode()).hexdigest() == "952d1141703615a22d3adf4b13bdc69a7e685de6b165858dd16e2f5e6c0b50db", KAT
opened("visa-opc", "a payload for Google Pay: CEK 00..1f, key-wrap IV 40..4b, IV 60..6b; opened as well by go-jose, jose2go and jwx", ["recipe"], H, KAT, OPC_PLAIN)
opened("visa-opc-order", "the header's members in the order of Visa's sample", ["recipe"], H,
       shared(b"{}", order=["kid", "typ", "channelSecurityContext", "enc", "tag", "iat", "alg", "iv"]), "{}")
opened("visa-opc-issuer", "iss and aud, as Visa's own API writes them", ["recipe"], H, shared(b"{}", iss="8376", aud="1899"), "{}")
opened("visa-opc-iat-text", "iat as a text, as some issuers write it", ["recipe"], H, shared(b"{}", iat="1700000000"), "{}")
refused("visa-kek-text", "the secret itself in the place of its hash", ["recipe"], H, shared(b"{}", kek=SECRET[:32].encode()))
refused("visa-kek-decoded", "the secret decoded from Base64 before it is hashed", ["recipe"], H, shared(b"{}", kek=hashlib.sha256(base64.b64decode(SECRET)).digest()))
refused("visa-kw-aad", "AAD in the key wrap", ["recipe"], H, shared(b"{}", aad=b"x"))
refused("visa-iv-56", "an IV of 56 bytes: Base64 of what Java prints of an IV, as one public sample has it", ["strict"], H,
        shared(b"{}", parts={2: u(base64.b64encode(b"javax.crypto.spec.IvParameterSpec@1b2c3d4e"))}))
refused("visa-other-kid", "another kid", ["strict"], H, shared(b"{}", kid="other"))
refused("visa-no-kid", "no kid", ["strict"], H, shared(b"{}", order=[m for m in HEADER if m != "kid"]))
refused("visa-alg", "another alg", ["strict"], H, shared(b"{}", alg="dir"))
refused("visa-enc", "another enc", ["strict"], H, shared(b"{}", enc="A128GCM"))
refused("visa-zip", "a compressed content", ["strict"], H, shared(b"{}", zip="DEF"))
refused("visa-crit", "a critical extension", ["strict"], H, shared(b"{}", crit=["iat"]))
refused("visa-tag", "another tag", ["strict"], H, shared(b"{}", parts={4: "A" * 22}))
refused("visa-empty-key", "no encrypted key", ["strict"], H, shared(b"{}", parts={1: ""}))

I = "visa_field"
opened("visa-field", "RSA, with the header of Visa's samples", ["recipe"], I, rsa_jwe(KEY, {"kid": KEY_SHA256, "enc": "A256GCM", "alg": "RSA-OAEP-256"}, CARD), CARD.decode())
opened("visa-field-128", "RSA with A128GCM", ["recipe"], I, rsa_jwe(KEY, {"kid": KEY_SHA256, "enc": "A128GCM", "alg": "RSA-OAEP-256"}, CARD, 16), CARD.decode())
refused("visa-field-kid", "a kid of no key of ours", ["strict"], I, rsa_jwe(KEY, {"kid": "other", "enc": "A256GCM", "alg": "RSA-OAEP-256"}, CARD))
refused("visa-field-shared", "a message under the shared secret", ["strict"], I, shared(b"{}", kid=KEY_SHA256))

J = "visa_inbound"


def inbound(inner=None, salt=32, h=hashes.SHA256, signer=VISA, member="encryptedData", pkcs1=False, **change):
    inner = inner or rsa_jwe(KEY, {"kid": KEY_SHA256, "typ": "JOSE", "enc": "A256GCM", "alg": "RSA-OAEP-256"}, CARD)
    header = {"alg": "PS256", "typ": "JOSE", "kid": "715EA257", "cty": "JWE"}
    for k, x in change.items():
        if x is None:
            del header[k]
        else:
            header[k] = x
    text = u(js(header).encode()) + "." + u(inner.encode())
    pad = padding.PKCS1v15() if pkcs1 else padding.PSS(padding.MGF1(h()), salt)
    return js({member: text + "." + u(signer.sign(text.encode(), pad, h()))})


opened("visa-inbound", "PS256 over RSA-OAEP-256 and A256GCM, with the outer header of Visa's public sample", ["recipe"], J, inbound(), CARD.decode())
for id, comment, kw in [
    ("visa-inbound-rs256", "RS256", dict(alg="RS256", pkcs1=True)),
    ("visa-inbound-salt", "a salt of 20 bytes", dict(salt=20)),
    ("visa-inbound-sha512", "PS512", dict(alg="PS512", h=hashes.SHA512, salt=64)),
    ("visa-inbound-none", "no algorithm", dict(alg="none")),
    ("visa-inbound-no-cty", "no cty", dict(cty=None)),
    ("visa-inbound-kid", "a kid of none of Visa's keys", dict(kid="00000000")),
    ("visa-inbound-signer", "signed with the issuer's own key", dict(signer=KEY)),
    ("visa-inbound-128", "A128GCM inside", dict(inner=rsa_jwe(KEY, {"kid": KEY_SHA256, "enc": "A128GCM", "alg": "RSA-OAEP-256"}, CARD, 16))),
    ("visa-inbound-inner-kid", "an inner kid of no key of ours", dict(inner=rsa_jwe(KEY, {"kid": "other", "enc": "A256GCM", "alg": "RSA-OAEP-256"}, CARD))),
    ("visa-inbound-inner-shared", "a message under a shared secret inside", dict(inner=shared(b"{}", kid=KEY_SHA256))),
    ("visa-inbound-text", "a text inside that is no JWE", dict(inner="hello")),
    ("visa-inbound-member", "another member", dict(member="EncryptedData")),
    ("visa-inbound-jwk", "a key in the header, and its signature", dict(signer=KEY, kid=None, jwk={"kty": "RSA"})),
]:
    refused(id, comment, ["strict"], J, inbound(**kw))

notes = {
    "published": {"bug": "our reading differs from what the counterpart published", "effect": "nothing that it sends can be opened"},
    "recipe": {"bug": "another key derivation, order, padding or hash", "effect": "the counterpart cannot open it, or we cannot"},
    "strict": {"bug": "a message that is malformed, or under another algorithm, is opened", "effect": "the sender chooses how well a message is protected"},
    "padding": {"bug": "padding or content is not looked at, or told apart from other failures", "effect": "who may try often reads messages of others"},
}
for network in ("mastercard", "visa"):
    own = [c for c in cases if c["input"]["format"].startswith(network + "_")]
    flags = {f for c in own for f in c["flags"]}
    out = {"format": 1, "kind": "provision_open",
           "comment": "Envelopes of " + network + " and what is in them. Written by crypto/provision/testdata/vectors.py with pyca; published ones "
                      "are from Mastercard's client-encryption libraries (MIT licence), under Mastercard's public test key.",
           "notes": {f: n for f, n in notes.items() if f in flags},
           "setup": {"key_pem": KEY_PEM, "fingerprints": [CERT_SHA256, KEY_SHA256], "visa_secret": SECRET, "visa_kid": KID, "visa_sign_kid": "715EA257",
                     "visa_sign_pem": VISA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()},
           "cases": own}
    with open(os.path.join(sys.argv[1], "provision_" + network + ".json"), "w") as f:
        f.write(json.dumps(out, indent=1, ensure_ascii=False) + "\n")
