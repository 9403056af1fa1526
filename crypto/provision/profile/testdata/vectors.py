#!/usr/bin/env python3
"""Writes testdata/vectors/provision_conform_*.json with pyca's "cryptography" (48) and
Python's standard library: known answers for the example layouts in
../profilefile/testdata, none of them from the Go code that is tried.

    python3 crypto/provision/profile/testdata/vectors.py testdata/vectors

RSA-OAEP draws its own randomness: two runs give different, equally good files. The
files of Visa's MBPAC and MBPAD and of the TAVs confirm our reading of public sources;
they do not come from the networks.
"""
import base64, datetime, hashlib, json, os, re, sys, warnings
warnings.simplefilter("ignore")
from cryptography.hazmat.primitives import hashes, padding as sympad, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES

HERE = os.path.dirname(os.path.abspath(__file__))
TEXT = open(os.path.join(HERE, "..", "..", "testdata", "mastercard-test-key.txt")).read()
KEY_PEM = re.search(r"-----BEGIN RSA PRIVATE KEY-----.*?-----END RSA PRIVATE KEY-----\n", TEXT, re.S).group(0)
KEY = serialization.load_pem_private_key(KEY_PEM.encode(), None)
OUT = sys.argv[1]


def u(b):
    return base64.urlsafe_b64encode(b).rstrip(b"=").decode()


def js(v):
    return json.dumps(v, separators=(",", ":"), ensure_ascii=False)


def big(n):
    return u(n.to_bytes((n.bit_length() + 7) // 8, "big"))


def rsa_jwk(kid, private):
    pub = KEY.private_numbers()
    k = {"kty": "RSA", "kid": kid, "use": "sig" if private else "enc", "n": big(pub.public_numbers.n), "e": big(pub.public_numbers.e)}
    if private:
        k.update(d=big(pub.d), p=big(pub.p), q=big(pub.q), dp=big(pub.dmp1), dq=big(pub.dmq1), qi=big(pub.iqmp))
    return k


def write(profile, comment, keys, cases):
    f = {"format": 1, "kind": "provision_conform", "comment": comment, "notes": {},
         "setup": {"profile": profile, "keys": {"keys": keys}}, "cases": cases}
    with open(os.path.join(OUT, "provision_conform_" + profile.replace("-", "_") + ".json"), "w") as out:
        json.dump(f, out, indent=1, ensure_ascii=False)
        out.write("\n")


def case(id, comment, now, input, result, **steps):
    want = {"result": result}
    if steps:
        want["steps"] = steps
    return {"id": id, "comment": comment, "flags": [], "now_ms": now * 1000, "input": input, "expect": "ok", "want": want}


def refused(id, now, input, expect, comment):
    return {"id": id, "comment": comment, "flags": [], "now_ms": now * 1000, "input": input, "expect": expect}


CARD = {"pan": "5123456789012346", "expiry": {"month": "12", "year": "2030"}, "name": "TEST CARDHOLDER"}
NOW = 1795428000


def stamp(t):
    return datetime.datetime.fromtimestamp(t, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


# ---------------------------------------------------------------- Visa's payload
SECRET = b"0123456789abcdefghijklmnopqrstuvwxyzABCD"
KID = "TESTAPIKEY0000000000000000000000000000000000000001"


def opc(plain, now, cek, kwiv, iv):
    kek = hashlib.sha256(SECRET).digest()
    wrapped = AESGCM(kek).encrypt(kwiv, cek, None)
    header = js({"alg": "A256GCMKW", "channelSecurityContext": "SHARED_SECRET", "enc": "A256GCM", "iat": now, "iv": u(kwiv), "kid": KID, "tag": u(wrapped[-16:]), "typ": "JOSE"})
    h = u(header.encode())
    sealed = AESGCM(cek).encrypt(iv, js(plain).encode(), h.encode())
    return ".".join([h, u(wrapped[:-16]), u(iv), u(sealed[:-16]), u(sealed[-16:])])


def visa():
    card = {"pan": "4000000000000002", "cvv2": "123", "name": "TEST CARDHOLDER", "expiry": {"month": "12", "year": "2030"},
            "address": {"line1": "1 Test Street", "city": "Testville", "state": "CA", "country": "US", "postal_code": "94000"}}
    wallet = {"requestor_id": "40010075001", "account_id": "walletaccount0000000001", "device_id": "device000000000000000001", "app_id": "TestIssuerApp"}
    rnd = {"cek": bytes(range(0, 32)), "wrap_iv": bytes(range(0x40, 0x4c)), "iv": bytes(range(0x60, 0x6c))}
    provider = {"intent": "PUSH_PROV_MOBILE", "clientWalletProvider": wallet["requestor_id"], "clientWalletAccountID": wallet["account_id"],
                "clientDeviceID": wallet["device_id"], "clientAppID": wallet["app_id"], "isIDnV": "false"}
    plain = {"accountNumber": card["pan"], "cvv2": "123", "name": "TEST CARDHOLDER", "expirationDate": {"month": "12", "year": "2030"},
             "billingAddress": {"line1": "1 Test Street", "city": "Testville", "state": "CA", "country": "US", "postalCode": "94000"}, "provider": provider}
    hexes = {k: {"hex": v.hex()} for k, v in rnd.items()}
    token = opc(plain, 1700000000, rnd["cek"], rnd["wrap_iv"], rnd["iv"])
    # The value that three JOSE libraries agreed on, recorded before this project had code.
    assert hashlib.sha256(token.encode()).hexdigest() == "952d1141703615a22d3adf4b13bdc69a7e685de6b165858dd16e2f5e6c0b50db"
    small = dict(card, name="Łukasz Żółć"); del small["cvv2"]; del small["address"]
    splain = {"accountNumber": card["pan"], "name": "Łukasz Żółć", "expirationDate": {"month": "12", "year": "2030"}, "provider": provider}
    cases = [
        case("all-members", "the known answer; every member", 1700000000, {"card": card, "wallet": wallet, "random": hexes}, token, plaintext=js(plain)),
        case("without-optional-members", "no security code, no address, a name in UTF-8", NOW, {"card": small, "wallet": wallet, "random": hexes}, opc(splain, NOW, rnd["cek"], rnd["wrap_iv"], rnd["iv"])),
        refused("no-device", NOW, {"card": card, "wallet": {k: v for k, v in wallet.items() if k != "device_id"}, "random": hexes}, "field", "a device token names its device"),
        refused("requestor-of-ten-digits", NOW, {"card": card, "wallet": dict(wallet, requestor_id="4001007500"), "random": hexes}, "field", "the limit of the layout"),
        refused("expired", 4102444800, {"card": card, "wallet": wallet, "random": hexes}, "card_expired", "December 2030 has ended"),
    ]
    write("visa-opc", "Payloads for Visa's token service from Python's cryptography; the first is the known answer that go-jose, jose2go and jwx agree on", [
        {"kty": "oct", "kid": "shared", "use": "enc", "k": u(SECRET)}], cases)


# ---------------------------------------------------------------- Visa's MBPAC and MBPAD
ZONE = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")


def block(clear, filler=b"Ab1#"):
    b = b"\x20\x20" + filler + b"%02d" % len(clear) + clear
    return b + b"!" * (-len(b) % 8)


def tdes(b):
    e = Cipher(TripleDES(ZONE + ZONE[:8]), modes.CBC(bytes(8))).encryptor()
    return (e.update(b) + e.finalize()).hex().upper()


def mbp():
    keys = [{"kty": "oct", "kid": "zone", "use": "enc", "alg": "TDES", "k": u(ZONE)}]
    filler = {"filler": {"hex": b"Ab1#".hex()}}
    clear = b"nonce=9c023092;authcode=ABC123"
    assert tdes(block(clear)) == "BF17D5C141EC69537F1522BA4BDB3C7F121618069433E4714D01FEAE453F43DE4ECC5045BD179452"
    write("visa-mbpac", "Self-made: they pin our reading of one public implementation and prove nothing about Visa", keys, [
        case("nine-c", "the block of 40 bytes", NOW, {"nonce": "9c023092", "auth_code": "ABC123", "random": filler}, "MBPAC-1-FK-123456.1--TDEA-" + tdes(block(clear)), block={"hex": block(clear).hex()}),
        case("a-long-nonce", "a nonce of ten bytes", NOW, {"nonce": "00112233445566778899", "auth_code": "Z9Z9Z9", "random": filler}, "MBPAC-1-FK-123456.1--TDEA-" + tdes(block(b"nonce=00112233445566778899;authcode=Z9Z9Z9"))),
        refused("no-nonce", NOW, {"auth_code": "ABC123", "random": filler}, "field", "nothing to bind to"),
        refused("auth-code-of-five", NOW, {"nonce": "9c023092", "auth_code": "ABC12", "random": filler}, "field", "the limit of the layout"),
        refused("auth-code-with-a-separator", NOW, {"nonce": "9c023092", "auth_code": "AB;C 1", "random": filler}, "field", "a blank is no character of a handle"),
    ])
    clear = b"pan=4111111111111111;expiry=1230;datetime=20260102030405"
    assert tdes(block(clear)) == ("5E766D1D0ABA354606C567A4425B826FCA120BD3B0DB17A00C5E581CEBBF44CD62AA7E3F10C726A1"
                                  "4F2DACF87F234DE81B3DB9940C2C0B5C35F1DDE7F414DAEF")
    write("visa-mbpad", "Self-made: they pin our reading of one public implementation and prove nothing about Visa", keys, [
        case("four-ones", "the instant in UTC", 1767323045, {"card": {"pan": "4111111111111111", "expiry": {"month": "12", "year": "2030"}}, "random": filler},
             "MBPAD-1-FK-123456.1--TDEA-" + tdes(block(clear)), clear=clear.decode())])


# ---------------------------------------------------------------- Mastercard's TAV
def sign(text):
    return base64.b64encode(KEY.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def tavs():
    keys = [rsa_jwk("tav", True)]
    now = 1893553445 - 1800
    until = stamp(now + 1800)
    assert until == "2030-01-02T03:04:05Z"
    comment = "Signed by Python's cryptography with Mastercard's public test key; the text that is signed is our reading of public sources"
    text = "5123456789012346Y1230N"
    write("mastercard-tav-2", comment, keys, [case("new-token", "no token reference", now, {"card": CARD}, js({
        "version": "2", "expirationDateIncluded": "true", "tokenUniqueReferenceIncluded": "false", "signatureAlgorithm": "RSA-SHA256", "signature": sign(text)}), text=text)])
    text = "5123456789012346|1230|" + until
    sig = sign(text)
    assert sig.startswith("dton7Mn62gVikb/SDFSzM7Vx9FA+")
    write("mastercard-tav-3", comment, keys, [case("half-an-hour", "valid for 30 minutes", now, {"card": CARD}, js({
        "version": "3", "signatureAlgorithm": "RSA-SHA256", "dataValidUntilTimestamp": until,
        "includedFieldsInOrder": "accountNumber|accountExpiry|dataValidUntilTimestamp", "signature": sig}), text=text)])
    text = until + "|5123456789012346|1230"
    write("mastercard-tav-4", comment, keys, [case("half-an-hour", "valid for 30 minutes", now, {"card": CARD}, js({
        "version": "4", "keyAlias": "tav-key-1", "signatureAlgorithm": "RSA-SHA256",
        "includedFieldsInOrder": "dataValidUntilTimestamp|accountNumber|accountExpiry", "dataValidUntilTimestamp": until, "signature": sign(text)}), text=text)])


# ---------------------------------------------------------------- Apple, configuration 3
def apple():
    aes, iv = bytes(range(16)), bytes(range(16, 32))
    plain = js({"accountNumber": CARD["pan"], "expiryMonth": "12", "expiryYear": "30", "source": "CARD_ADDED_VIA_APPLICATION", "cardholderName": CARD["name"]})
    p = sympad.PKCS7(128).padder()
    padded = p.update(plain.encode()) + p.finalize()
    e = Cipher(AES(aes), modes.CBC(iv)).encryptor()
    data = (e.update(padded) + e.finalize()).hex()
    # The known answer that openssl and Python agreed on.
    assert data.startswith("b176a4c90a347c57167c0c28c09a47a57908e97807b0a9a45d32c31ba8f422fb")
    wrapped = KEY.public_key().encrypt(aes, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
    fp = "761b003c1eade3a5490e5000d37887baa5e6ec0e226c07706e599451fc032a79"
    result = js({"name": CARD["name"], "nonce": "9c023092", "nonceSignature": "40deadbeef", "primaryAccountNumberPrefix": "512345",
                 "encryptedPrimaryAccountNumber": {"encryptedData": data, "publicKeyFingerprint": fp, "encryptedKey": wrapped.hex(), "oaepHashingAlgorithm": "SHA256", "iv": iv.hex()},
                 "networkName": "Mastercard", "productType": "DEFAULT_MASTERCARD", "version": "1"})
    write("apple-configuration-3-mastercard", "From Python's cryptography; what RSA-OAEP wrote is handed in, since it writes other bytes each time", [rsa_jwk("mdes", False)], [
        case("eight-names", "all eight members, the envelope as an object", NOW, {"card": CARD, "nonce": "9c023092", "nonce_signature": "40deadbeef", "random": {"key": {"hex": aes.hex()}, "iv": {"hex": iv.hex()}},
                                  "fixed": {"wrapped": {"hex": wrapped.hex()}}}, result, data=data)])


visa()
mbp()
tavs()
apple()
