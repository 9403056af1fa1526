// The receiver's side of wallet payloads, with Node.js alone: reads one JSON object a
// line, opens what is in it, and writes one JSON object a line. Written from the
// formats' descriptions; it shares nothing with the Go code that it tries.
import { createDecipheriv, createECDH, createHash, createPrivateKey, createPublicKey, constants, privateDecrypt, verify } from "node:crypto";
import { createInterface } from "node:readline";

const fail = (why) => { throw new Error(why); };
const b64u = (s) => {
  const b = Buffer.from(s, "base64url");
  return b.toString("base64url") === s ? b : fail("not base64url");
};

function gcm(bits, key, iv, data, tag, aad) {
  const d = createDecipheriv(`aes-${bits}-gcm`, key, iv, { authTagLength: 16 });
  d.setAuthTag(tag);
  if (aad.length) d.setAAD(aad);
  return Buffer.concat([d.update(data), d.final()]);
}

// Visa: compact JWE under a shared secret.
function visa({ token, secret, kid }) {
  const parts = token.split(".");
  if (parts.length !== 5) fail("not five parts");
  const header = JSON.parse(b64u(parts[0]).toString("utf8"));
  if (header.alg !== "A256GCMKW" || header.enc !== "A256GCM" || header.kid !== kid || header.typ !== "JOSE" ||
      header.channelSecurityContext !== "SHARED_SECRET" || !Number.isInteger(header.iat)) fail("header " + JSON.stringify(header));
  const [wrapped, iv, data, tag] = parts.slice(1).map(b64u);
  if (wrapped.length !== 32 || iv.length !== 12 || tag.length !== 16) fail("lengths");
  const kek = createHash("sha256").update(secret, "utf8").digest();
  const cek = gcm(256, kek, b64u(header.iv), wrapped, b64u(header.tag), Buffer.alloc(0));
  return { plaintext: gcm(256, cek, iv, data, tag, Buffer.from(parts[0], "ascii")).toString("utf8"), iat: header.iat, nonce: header.iv + parts[2] };
}

// Mastercard: an encryptedPayload object.
function envelope(e, key) {
  const hash = { SHA256: "sha256", SHA512: "sha512" }[e.oaepHashingAlgorithm] ?? fail("hash");
  for (const m of ["encryptedData", "encryptedKey", "iv"]) if (!/^([0-9a-f]{2})+$/.test(e[m])) fail(m + " is not lower-case hex");
  const hex = (m) => Buffer.from(e[m], "hex");
  const aes = privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hash }, hex("encryptedKey"));
  if (e.algorithmCipherMode === "GCM") return gcm(aes.length * 8, aes, hex("iv"), hex("encryptedData"), hex("tag"), hex("aad"));
  if ("tag" in e || "aad" in e || "algorithmCipherMode" in e) fail("members of GCM in CBC");
  const d = createDecipheriv(`aes-${aes.length * 8}-cbc`, aes, hex("iv"));
  return Buffer.concat([d.update(hex("encryptedData")), d.final()]);
}

function tav(json, key, pan, mmyy, reference) {
  const t = JSON.parse(json);
  if (t.signatureAlgorithm !== "RSA-SHA256") fail("signatureAlgorithm");
  const values = { accountNumber: pan, accountExpiry: mmyy, dataValidUntilTimestamp: t.dataValidUntilTimestamp };
  let text;
  if (t.version === "2") {
    const flag = (f) => (f === "true" ? "Y" : f === "false" ? "N" : fail("flag"));
    text = pan + flag(t.expirationDateIncluded) + mmyy + flag(t.tokenUniqueReferenceIncluded) + (t.tokenUniqueReferenceIncluded === "true" ? reference : "");
  } else {
    text = t.includedFieldsInOrder.split("|").map((f) => values[f] ?? fail("field " + f)).join("|");
  }
  if (!verify("RSA-SHA256", Buffer.from(text, "utf8"), key, Buffer.from(t.signature, "base64"))) fail("TAV signature");
  return t;
}

function mastercard({ payload, base64, key, tavKey, pan, mmyy }) {
  const text = base64 ? Buffer.from(payload, "base64").toString("utf8") : payload;
  if (base64 && Buffer.from(text, "utf8").toString("base64") !== payload) fail("not standard Base64");
  const p = JSON.parse(text);
  const inner = p.cardInfo ?? p.fundingAccountInfo.encryptedPayload;
  const out = { plaintext: envelope(inner, keys(key)).toString("utf8"), nonce: inner.iv + inner.encryptedKey };
  if (tavKey) out.tav = tav(Buffer.from(p.tokenizationAuthenticationValue, "base64").toString("utf8"), publics(tavKey), pan, mmyy);
  else if ("tokenizationAuthenticationValue" in p) fail("a TAV that nobody expects");
  return out;
}

// Visa's MBPAC and MBPAD under two-key Triple DES, with the layout of UnverifiedVDSP.
function mbp(text, type, wsd) {
  const m = /^([A-Z]+)-1-FK-123456\.1--TDEA-((?:[0-9A-F]{16})+)$/.exec(text) ?? fail("outer form");
  if (m[1] !== type) fail("type");
  const k = Buffer.from(wsd, "hex");
  const d = createDecipheriv("des-ede3-cbc", Buffer.concat([k, k.subarray(0, 8)]), Buffer.alloc(8)).setAutoPadding(false);
  const block = Buffer.concat([d.update(Buffer.from(m[2], "hex")), d.final()]).toString("latin1");
  const inner = /^  [!-~]{4}(\d\d)(.*)$/.exec(block) ?? fail("inner form");
  const length = Number(inner[1]);
  if (!/^!{0,7}$/.test(inner[2].slice(length))) fail("padding");
  return Object.fromEntries(inner[2].slice(0, length).split(";").map((f) => f.split("=")));
}

// Apple: EV_ECC_v2, the JSON in it, and the activation data beside it.
function apple({ d, passData, ephemeral, activation, pan, mmyy, tavKey, wsd, cardKey }) {
  const e = Buffer.from(ephemeral, "base64"), sealed = Buffer.from(passData, "base64");
  if (e.length !== 65 || e[0] !== 4) fail("ephemeral key");
  const own = createECDH("prime256v1");
  own.setPrivateKey(Buffer.from(d, "hex"));
  const z = own.computeSecret(e);
  if (z.length !== 32) fail("Z");
  const info = Buffer.concat([Buffer.from([13]), Buffer.from("id-aes256-GCM"), Buffer.from("Apple"), e]);
  const k = createHash("sha256").update(Buffer.from("00000001", "hex")).update(z).update(info).digest();
  const plaintext = gcm(256, k, Buffer.alloc(12), sealed.subarray(0, -16), sealed.subarray(-16), Buffer.alloc(0)).toString("utf8");
  const v = JSON.parse(plaintext);
  const out = { plaintext, nonce: ephemeral, zeros: [e[1], e[33], z[0]].map((b) => b === 0).join() };
  const act = Buffer.from(activation, "base64").toString("utf8"), card = v.encryptedPrimaryAccountNumber;
  if (act.startsWith("MBPAC")) {
    const a = mbp(act, "MBPAC", wsd);
    if (a.nonce !== v.nonce || !/^[0-9A-Z]{6}$/.test(a.authcode) || Object.keys(a).length !== 2) fail("MBPAC " + JSON.stringify(a));
    out.authCode = a.authcode;
    if (card) out.inner = mbp(Buffer.from(card, "base64").toString("ascii"), "MBPAD", wsd);
  } else if (act.startsWith("{")) {
    out.tav = tav(act, publics(tavKey), pan, mmyy);
    if (card) out.inner = JSON.parse(envelope(typeof card === "string" ? JSON.parse(Buffer.from(card, "base64").toString("utf8")) : card, keys(cardKey)).toString("utf8"));
  } else fail("activation data");
  return out;
}

const memo = (f) => { const m = new Map(); return (k) => m.get(k) ?? (m.set(k, f(k)), m.get(k)); };
const keys = memo(createPrivateKey), publics = memo(createPublicKey);
const formats = { visa, mastercard, apple, tav: (l) => ({ tav: tav(l.json, publics(l.key), l.pan, l.mmyy, l.reference) }) };
for await (const line of createInterface({ input: process.stdin })) {
  const l = JSON.parse(line);
  console.log(JSON.stringify(formats[l.format](l)));
}
