// Verifies one request with verify.mjs, the sample of docs/targets.md, which is written from
// the specifications (Standard Webhooks, RFC 7515 to 7518, 8037) with nothing but what Node
// has. It reads an object from standard input and says what it has verified.
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { openJWE, verifyJWT, verifyV1a } from './verify.mjs'

const { headers, body, jwks, privateKey, kid, issuer, audience } = JSON.parse(readFileSync(0, 'utf8'))
const out = { v1a: verifyV1a(headers, body, jwks.keys) }
if (!body.startsWith('{')) {
  const jwt = body.split('.').length === 5 ? openJWE(body, createPrivateKey(privateKey), kid) : body
  out.payload = verifyJWT(jwt, jwks.keys, { issuer, audience })
  out.alg = JSON.parse(Buffer.from(jwt.split('.')[0], 'base64url')).alg
}
console.log(JSON.stringify(out))
