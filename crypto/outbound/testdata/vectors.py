#!/usr/bin/env python3
"""Writes testdata/vectors/outbound.json with Python's standard library and the
openssl command, so that no answer in it comes from the Go code that it tries.

    python3 crypto/outbound/testdata/vectors.py > testdata/vectors/outbound.json

Answers marked "published" are compared with what the counterpart published.
"""
import base64, datetime, hashlib, hmac, json, os, subprocess, tempfile
from urllib.parse import quote, unquote, parse_qsl, urlsplit

HERE = os.path.dirname(os.path.abspath(__file__))
KEY = open(os.path.join(HERE, "mastercard-test-key.txt")).read().split("-----BEGIN", 1)[1]
KEY = "-----BEGIN" + KEY
SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCD"
QUERY = "apikey=TESTAPIKEY0000000000000000000000000000000000000001"


def openssl(data, *args, secret=None):
    with tempfile.NamedTemporaryFile("w") as f:
        f.write(secret or "")
        f.flush()
        return subprocess.run(["openssl", *[f.name if a == "KEY" else a for a in args]],
                              input=data, stdout=subprocess.PIPE, check=True).stdout


cases = []


def case(id, comment, input, want=None, expect="ok", flags=(), now=0):
    c = {"id": id, "comment": comment, "flags": list(flags), "now_ms": now * 1000, "input": input, "expect": expect}
    if want is not None:
        c["want"] = want
    cases.append(c)


def b64(b):
    return base64.b64encode(b).decode()


# Visa x-pay-token ---------------------------------------------------------------
def xpay(id, comment, path, query=QUERY, body=b"", now=1700000000, published=None, secret=SECRET, **kw):
    text = str(now) + path + query
    want = "xv2:%d:%s" % (now, hmac.new(secret.encode(), text.encode() + body, hashlib.sha256).hexdigest())
    assert published in (None, want), want
    case(id, comment, {"scheme": "x_pay_token", "secret": secret, "path": path, "query": query, "body_b64": b64(body)},
         {"value": want} if "expect" not in kw else None, now=now, **kw)


CARD = b'{"vCardID":"v-123-00000000-0000-0000-0000-000000000000"}'
xpay("xpay-google", "the resource path without its first segment; computed apart with Python and openssl",
     "provisioning/cardData/googlePay", body=CARD,
     published="xv2:1700000000:9ff00a66fff06005375c99697337e2586cbb306734159316e2f65562a8b0c4bc", flags=["recipe"])
xpay("xpay-get", "no body", "helloworld",
     published="xv2:1700000000:d03baec0b09c8c388e8f78603f374cddc0e8284af5c2cc6c2ac9da90952e1f1a", flags=["recipe"])
xpay("xpay-no-query", "no query", "vts/panEnrollments", query="", body=b"{}", flags=["recipe"])
xpay("xpay-bytes", "a body of any bytes is signed as it is", "p", body=bytes(range(256)), flags=["recipe"])
xpay("xpay-leading-slash", "a path as it stands in the URL", "/vdp/helloworld", expect="outgoing", flags=["ambiguous"])
xpay("xpay-question-mark", "a query with its question mark", "p", query="?a=b", expect="outgoing", flags=["ambiguous"])
xpay("xpay-blank", "a query that was not encoded", "p", query="a=b c", expect="outgoing", flags=["ambiguous"])
xpay("xpay-no-path", "no path", "", expect="outgoing", flags=["ambiguous"])
xpay("xpay-before-1970", "an unset clock", "p", now=-1, expect="outgoing", flags=["clock"])
xpay("xpay-short-secret", "15 bytes of secret", "p", secret="012345678901234", expect="config", flags=["weak"])


# Mastercard OAuth 1.0a ----------------------------------------------------------
def enc(s):
    return quote(s, safe="-._~")


def oauth(id, comment, method, url, body=b"", now=1111111111, nonce="1111111111111111111",
          consumer="x" * 48, base=None, **kw):
    input = {"scheme": "oauth1", "method": method, "url": url, "body_b64": b64(body), "nonce": nonce, "consumer_key": consumer}
    if "expect" in kw:
        return case(id, comment, input, now=now, **kw)
    u = urlsplit(url)
    pairs = [(k, v) for k, v in parse_qsl(u.query, keep_blank_values=True)]
    if "%" in u.query:
        pairs = [(enc(k), enc(v)) for k, v in pairs]
    own = {"oauth_consumer_key": consumer, "oauth_nonce": nonce, "oauth_signature_method": "RSA-SHA256",
           "oauth_timestamp": str(now), "oauth_version": "1.0",
           "oauth_body_hash": b64(hashlib.sha256(body).digest())}
    text = "&".join(k + "=" + v for k, v in sorted(pairs + list(own.items())))
    port = "" if (u.scheme, u.port) in (("https", 443), ("http", 80), (u.scheme, None)) else ":%d" % u.port
    made = "&".join([method.upper(), enc("%s://%s%s%s" % (u.scheme.lower(), u.hostname, port, u.path or "/")), enc(text)])
    assert base in (None, made), made
    sig = openssl(made.encode(), "dgst", "-sha256", "-sign", "KEY", secret=KEY)
    own["oauth_signature"] = enc(b64(sig))
    value = "OAuth " + ",".join('%s="%s"' % p for p in own.items())
    case(id, comment, input, {"base": made, "value": value}, now=now, **kw)


XML = ('<?xml version="1.0" encoding="Windows-1252"?><ns2:TerminationInquiryRequest xmlns:ns2="http://mastercard.com/termination">'
       '<AcquirerId>1996</AcquirerId><TransactionReferenceNumber>1</TransactionReferenceNumber><Merchant><Name>TEST</Name>'
       '<DoingBusinessAsName>TEST</DoingBusinessAsName><PhoneNumber>5555555555</PhoneNumber><NationalTaxId>1234567890</NationalTaxId>'
       '<Address><Line1>5555 Test Lane</Line1><City>TEST</City><CountrySubdivision>XX</CountrySubdivision><PostalCode>12345</PostalCode>'
       '<Country>USA</Country></Address><Principal><FirstName>John</FirstName><LastName>Smith</LastName><NationalId>1234567890</NationalId>'
       '<PhoneNumber>5555555555</PhoneNumber><Address><Line1>5555 Test Lane</Line1><City>TEST</City><CountrySubdivision>XX</CountrySubdivision>'
       '<PostalCode>12345</PostalCode><Country>USA</Country></Address><DriversLicense><Number>1234567890</Number>'
       '<CountrySubdivision>XX</CountrySubdivision></DriversLicense></Principal></Merchant></ns2:TerminationInquiryRequest>')
oauth("oauth-integrated", "Mastercard's own test: the base string is published, the signature is openssl's under Mastercard's test key", "POST",
      "https://sandbox.api.mastercard.com/fraud/merchant/v1/termination-inquiry?Format=XML&PageOffset=0&PageLength=10", XML.encode(),
      base="POST&https%3A%2F%2Fsandbox.api.mastercard.com%2Ffraud%2Fmerchant%2Fv1%2Ftermination-inquiry&Format%3DXML%26PageLength%3D10"
           "%26PageOffset%3D0%26oauth_body_hash%3Dh2Pd7zlzEZjZVIKB4j94UZn%2FxxoR3RoCjYQ9%2FJdadGQ%3D%26oauth_consumer_key%3D" + "x" * 48 +
           "%26oauth_nonce%3D1111111111111111111%26oauth_signature_method%3DRSA-SHA256%26oauth_timestamp%3D1111111111%26oauth_version%3D1.0",
      flags=["recipe", "published"])
assert b64(hashlib.sha256(b"").digest()) == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
oauth("oauth-empty-body", "the hash of the empty body is sent as well (published)", "GET", "https://api.mastercard.com/test", flags=["published", "recipe"])
assert b64(hashlib.sha256('{"foõ":"bar"}'.encode()).digest()) == "+Z+PWW2TJDnPvRcTgol+nKO3LT7xm8smnsg+//XMIyI="
oauth("oauth-utf8-body", "a body in UTF-8 (its hash is published)", "POST", "https://api.mastercard.com/test", '{"foõ":"bar"}'.encode(), flags=["published", "recipe"])
oauth("oauth-rfc-query", "the query of RFC 5849's example", "POST", "https://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b&c2=&a3=2%20q", flags=["query"])
oauth("oauth-order", "names, then values, in byte order", "GET", "https://example.com/?b=b&A=a&A=A&B=B&a=A&a=a&0=0", flags=["query"])
oauth("oauth-encoded", "an encoded value is encoded again", "GET", "https://example.com/?param=token1%3Atoken2", flags=["query"])
oauth("oauth-plain", "a value that was not encoded is taken as it stands, as Mastercard's signer does", "GET", "https://example.com/?param=token1:token2", flags=["query"])
oauth("oauth-plus", "a plus sign is a blank", "GET", "https://example.com/?q=a+b%20c", flags=["query"])
oauth("oauth-empty-values", "names without values", "GET", "https://sandbox.api.mastercard.com/audiences/v1/getcountries?offset=0&offset=1&length=10&empty&odd=", flags=["query"])
oauth("oauth-port", "a default port is left out", "GET", "https://api.mastercard.com:443/test?query=param", flags=["url"])
oauth("oauth-http-port", "the default port of http; the path as it is encoded", "GET", "http://example.com:80/r%20v/X?id=123", flags=["url"])
oauth("oauth-other-port", "another port stays", "GET", "https://api.mastercard.com:17443/test", flags=["url"])
oauth("oauth-no-path", "no path is a slash", "GET", "https://api.mastercard.com", flags=["url"])
oauth("oauth-fragment", "a fragment is left out", "GET", "https://api.mastercard.com/test?query=param#fragment", flags=["url"])
oauth("oauth-case", "scheme, host and method change their case, the path does not", "get", "HTTPS://API.MASTERCARD.COM/TEST", flags=["url"])
oauth("oauth-key-mark", "a consumer key with an exclamation mark", "GET", "https://api.mastercard.com/", consumer="a" * 48 + "!" + "b" * 48, flags=["recipe"])
oauth("oauth-short-nonce", "a nonce of seven characters", "GET", "https://api.mastercard.com/", nonce="1234567", expect="outgoing", flags=["replay"])
oauth("oauth-foreign-nonce", "a nonce with a quotation mark", "GET", "https://api.mastercard.com/", nonce='12345678"', expect="outgoing", flags=["inject"])
oauth("oauth-own-parameter", "a query that brings a parameter of OAuth", "GET", "https://api.mastercard.com/?oauth_nonce=1", expect="outgoing", flags=["ambiguous"])
oauth("oauth-semicolon", "a query that readers split differently", "GET", "https://api.mastercard.com/?a=1;b=2", expect="outgoing", flags=["ambiguous"])
oauth("oauth-relative", "no host", "GET", "/test", expect="outgoing", flags=["ambiguous"])
oauth("oauth-ftp", "another scheme", "GET", "ftp://api.mastercard.com/", expect="outgoing", flags=["ambiguous"])
oauth("oauth-quoted-key", "a consumer key with a quotation mark", "GET", "https://api.mastercard.com/", consumer='a"b', expect="config", flags=["inject"])
oauth("oauth-unset-clock", "an unset clock", "GET", "https://api.mastercard.com/", now=-1, expect="outgoing", flags=["clock"])


# MeaWallet Mea-Secret -----------------------------------------------------------
def mea(id, comment, key="11223344556677889900aabbccddeeff", key_id="68e05e04-a54d-479c-a85f-b7f6c7531598",
        trace="e06bd3df-4a75-4cae-baeb-094ef965e129", value=None, **kw):
    input = {"scheme": "mea_secret", "key_b64": b64(bytes.fromhex(key)), "key_id": key_id, "trace_id": trace}
    if "expect" in kw:
        return case(id, comment, input, **kw)
    made = openssl((trace + "#" + key_id).encode(), "enc", "-aes-128-cbc", "-K", key, "-iv", "0" * 32).hex()
    assert value in (None, made), made
    case(id, comment, input, {"value": made}, **kw)


mea("mea-vendor-inputs", "the inputs of MeaWallet's own example; the answer is openssl's",
    value="39f15e671f88008b2023526a4f7a431fffe83c22f4931d85204eafe019b8caf38f8e9542befe59cd65d95c0f08bc110c"
          "6a2b02576a1ef254879af167dd2aa11206e088bf8d220cebeae1be407dd57972", flags=["recipe", "published"])
mea("mea-other-trace", "another trace id, another value", trace="00000000-0000-4000-8000-000000000000", flags=["recipe"])
mea("mea-upper-trace", "a trace id in upper case", trace="E06BD3DF-4A75-4CAE-BAEB-094EF965E129", expect="outgoing", flags=["ambiguous"])
mea("mea-short-trace", "a trace id that is no UUID", trace="e06bd3df4a754caebaeb094ef965e129", expect="outgoing", flags=["ambiguous"])
mea("mea-key-id", "a key id that is no UUID", key_id="68e05e04", expect="config", flags=["ambiguous"])
mea("mea-long-key", "a key of 32 bytes", key="11" * 32, expect="config", flags=["weak"])


# Trust Payments -----------------------------------------------------------------
def site(id, comment, values, now=1700000000, password="PASSWORD", **kw):
    input = {"scheme": "site_security", "values": values, "secret": password}
    if "expect" in kw:
        return case(id, comment, input, now=now, **kw)
    ts = datetime.datetime.fromtimestamp(now, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    case(id, comment, input, {"timestamp": ts, "value": "h" + hashlib.sha256(("".join(values) + ts + password).encode()).hexdigest()}, now=now, **kw)


site("site-default", "the fields of Trust Payments' default list", ["GBP", "10.00", "test_site12345"], flags=["recipe"])
site("site-order-reference", "with an order reference, and a blank value", ["GBP", "10.00", "", "test_site12345", "My order é "], flags=["recipe"])
site("site-no-values", "nothing to cover", [], expect="outgoing", flags=["ambiguous"])
site("site-no-password", "no password", ["GBP"], password="", expect="config", flags=["weak"])
site("site-unset-clock", "an unset clock", ["GBP"], now=-1, expect="outgoing", flags=["clock"])


def jwt(id, comment, payload, alg="HS256", user="jwt@example.com", now=1700000000, secret="60-bytes-or-so-of-a-secret-that-trust-payments-support-gives", **kw):
    input = {"scheme": "trust_jwt", "alg": alg, "user": user, "payload": payload, "secret": secret}
    if "expect" in kw:
        return case(id, comment, input, now=now, **kw)
    u = lambda b: base64.urlsafe_b64encode(b).rstrip(b"=").decode()
    text = u(('{"alg":"%s","typ":"JWT"}' % alg).encode()) + "." + u(
        ('{"iss":%s,"iat":%d,"payload":%s}' % (json.dumps(user), now, payload)).encode())
    mac = hmac.new(secret.encode(), text.encode(), {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}[alg]).digest()
    case(id, comment, input, {"value": text + "." + u(mac)}, now=now, **kw)


PAYMENT = '{"accounttypedescription":"ECOM","baseamount":"1050","currencyiso3a":"GBP","sitereference":"test_site12345"}'
for alg in ("HS256", "HS384", "HS512"):
    jwt("jwt-" + alg.lower(), "a payment under " + alg, PAYMENT, alg=alg, flags=["recipe"],
        **({"secret": "s" * 64} if alg != "HS256" else {}))
jwt("jwt-none", "no algorithm", PAYMENT, alg="none", expect="config", flags=["weak"])
jwt("jwt-short-secret", "31 bytes of secret", PAYMENT, secret="s" * 31, expect="config", flags=["weak"])
jwt("jwt-no-user", "no user", PAYMENT, user="", expect="config", flags=["ambiguous"])
jwt("jwt-array", "a payload that is no object", "[]", expect="outgoing", flags=["ambiguous"])
jwt("jwt-twice", "a payload with a name twice", '{"baseamount":"1","baseamount":"2"}', expect="outgoing", flags=["ambiguous"])
jwt("jwt-unset-clock", "an unset clock", PAYMENT, now=-1, expect="outgoing", flags=["clock"])


# HTTP Basic ---------------------------------------------------------------------
def basic(id, comment, user, password, value=None, **kw):
    input = {"scheme": "basic", "user": user, "secret": password}
    if "expect" in kw:
        return case(id, comment, input, **kw)
    made = "Basic " + b64((user + ":" + password).encode())
    assert value in (None, made), made
    case(id, comment, input, {"value": made}, **kw)


basic("basic-rfc", "the example of RFC 7617 section 2", "Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", flags=["recipe", "published"])
basic("basic-utf8", "the example of RFC 7617 section 2.1", "test", "123£", "Basic dGVzdDoxMjPCow==", flags=["recipe", "published"])
basic("basic-colon-password", "a colon in the password", "user", "a:b", flags=["recipe"])
basic("basic-colon-user", "a colon in the user", "a:b", "c", expect="config", flags=["ambiguous"])
basic("basic-line-break", "a line break in the password", "a", "b\nc", expect="config", flags=["inject"])
basic("basic-no-password", "no password", "a", "", expect="config", flags=["weak"])

notes = {
    "recipe": {"bug": "another order, separator, encoding or key form", "effect": "every call is refused"},
    "published": {"bug": "our reading differs from what the counterpart published", "effect": "every call is refused"},
    "query": {"bug": "the query is decoded, encoded or sorted in another way", "effect": "calls with some parameters are refused, others not"},
    "url": {"bug": "the URL is normalised in another way", "effect": "calls through some addresses are refused"},
    "ambiguous": {"bug": "an input that two readers understand differently is signed", "effect": "what was signed is not what is done"},
    "inject": {"bug": "a value breaks out of its place in the header", "effect": "who shapes the value shapes the header"},
    "replay": {"bug": "nonces that repeat", "effect": "calls are refused, or can be sent again"},
    "clock": {"bug": "an unset clock is signed", "effect": "a token for another time"},
    "weak": {"bug": "a key that is missing, short or of another kind is used", "effect": "whoever guesses it signs"},
}
comment = ("What outgoing calls carry. Written by crypto/outbound/testdata/vectors.py with Python's hmac and hashlib and the openssl "
           "command; answers that counterparts published (Mastercard's test values, MIT licence; RFC 7617) are compared in that script.")
print(json.dumps({"format": 1, "kind": "outbound", "comment": comment, "notes": notes,
                  "setup": {"rsa_key_pem": KEY}, "cases": cases}, indent=1, ensure_ascii=False))
