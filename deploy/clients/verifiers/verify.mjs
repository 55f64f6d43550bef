// Verifiers in JavaScript. Each line of the input is a request that was received, and who
// verifies it with which key; each line of the output says whether it is genuine, and what
// a JWT or a JWE tells.
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { compactDecrypt, createRemoteJWKSet, importPKCS8, jwtVerify } from "jose";
import { Webhook as Standard } from "standardwebhooks";
import { Webhook as Svix } from "svix";

const tolerance = 300; // seconds

// v1a as the specification of Standard Webhooks has it: ed25519 over "id.timestamp.body", by
// the public key that whpk_ tells.
function v1a({ key, headers, body }) {
  const { "webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": signatures } = headers;
  if (!/^[0-9]+$/.test(stamp) || Math.abs(Date.now() / 1000 - Number(stamp)) > tolerance) throw new Error("another time");
  const x = Buffer.from(key.replace(/^whpk_/, ""), "base64").toString("base64url");
  const publicKey = createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x } });
  const signed = Buffer.concat([Buffer.from(`${id}.${stamp}.`), body]);
  const fits = signatures.split(" ").some((one) => {
    const [version, signature] = one.split(",");
    return version === "v1a" && verify(null, signed, publicKey, Buffer.from(signature, "base64"));
  });
  if (!fits) throw new Error("no signature fits");
}

const sets = new Map(); // by URL: jose fetches one, and keeps it

async function jwt({ jwks, issuer, audience, algorithms }, text) {
  if (!sets.has(jwks)) sets.set(jwks, createRemoteJWKSet(new URL(jwks)));
  const { payload, protectedHeader } = await jwtVerify(text, sets.get(jwks), { issuer, audience, algorithms, typ: "JWT", requiredClaims: ["iss", "aud", "iat", "exp", "jti"] });
  return { payload, header: protectedHeader };
}

async function jwe(request, text) {
  const key = await importPKCS8(readFileSync(request.key, "utf8"), request.wrapped);
  const options = { keyManagementAlgorithms: [request.wrapped], contentEncryptionAlgorithms: ["A256GCM"] };
  const { plaintext, protectedHeader } = await compactDecrypt(text, key, options);
  return { ...(await jwt(request, new TextDecoder().decode(plaintext))), outer: protectedHeader };
}

const verifiers = {
  "standardwebhooks for JavaScript": ({ key, headers, body }) => new Standard(key).verify(body.toString(), headers),
  svix: ({ key, headers, body }) => new Svix(key).verify(body.toString(), headers),
  v1a,
  "jose JWT": (request) => jwt(request, request.body.toString()),
  "jose JWE": (request) => jwe(request, request.body.toString()),
  ...(await zitadelReceiver()),
};

// zitadelReceiver is what ZITADEL has for receivers in JavaScript. It is not published, and
// is tried where somebody has built it from ZITADEL's source.
async function zitadelReceiver() {
  const path = process.env.ZITADEL_WEBHOOKS;
  if (!path) return {};
  const { createWebhookHandler } = await import(path);
  const receive = async (payloadType, { jwks, issuer, audience, key, body, headers }) => {
    let payload;
    const privateKey = payloadType === "jwe" ? readFileSync(key, "utf8") : undefined;
    const onEvent = (event) => (payload = event);
    const answer = await createWebhookHandler({ payloadType, jwksEndpoint: jwks, issuer, audience, privateKey, onEvent })({ body: body.toString(), headers });
    if (answer.status !== 200) throw new Error(answer.body);
    return { payload };
  };
  return { "ZITADEL's JWT": (request) => receive("jwt", request), "ZITADEL's JWE": (request) => receive("jwe", request) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  request.body = Buffer.from(request.body, "base64");
  try {
    const told = await verifiers[request.verifier](request);
    console.log(JSON.stringify({ genuine: true, told }));
  } catch (error) {
    console.log(JSON.stringify({ genuine: false, error: String(error) }));
  }
}
