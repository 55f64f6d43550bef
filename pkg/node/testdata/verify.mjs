import { constants, createDecipheriv, createPublicKey, privateDecrypt, verify } from 'node:crypto'

const tolerance = 300 // seconds for which what is signed is good

// keys are what /v1/instances/INSTANCE/.well-known/jwks.json gives. Keep them as long as
// Cache-Control says, and fetch them again when a kid is not among them.
const publicKey = (key) => createPublicKey({ key, format: 'jwk' })
const isFresh = (seconds) => Math.abs(Date.now() / 1000 - Number(seconds)) <= tolerance

// verifyV1a checks webhook-signature: v1a,BASE64 — ed25519 over `id.timestamp.body`.
export const verifyV1a = (headers, body, keys) => {
  const [id, stamp] = [headers['webhook-id'] ?? '', headers['webhook-timestamp'] ?? '']
  if (id === '' || id.includes('.') || !/^[1-9][0-9]*$/.test(stamp) || !isFresh(stamp)) return false
  const signed = Buffer.from(`${id}.${stamp}.${body}`)
  const signatures = (headers['webhook-signature'] ?? '').split(' ').filter((part) => part.startsWith('v1a,'))
  return signatures.some((part) => keys.some((key) =>
    key.kty === 'OKP' && verify(null, signed, publicKey(key), Buffer.from(part.slice(4), 'base64'))))
}

// openJWE opens what is encrypted with the public key whose id is want, and gives the
// JWT in it. Which algorithms are taken is yours to say, never the sender's.
export const openJWE = (text, privateKey, want) => {
  const [head, wrapped, iv, sealed, tag] = text.split('.')
  const { alg, enc, kid, zip, crit } = JSON.parse(Buffer.from(head, 'base64url'))
  if (alg !== 'RSA-OAEP-256' || enc !== 'A256GCM' || kid !== want || zip || crit) throw new Error('another JWE than is expected')
  const key = privateDecrypt({ key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, Buffer.from(wrapped, 'base64url'))
  const opened = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64url'), { authTagLength: 16 })
  opened.setAAD(Buffer.from(head, 'ascii'))
  opened.setAuthTag(Buffer.from(tag, 'base64url'))
  return Buffer.concat([opened.update(Buffer.from(sealed, 'base64url')), opened.final()]).toString()
}

// verifyJWT checks a JWT, and gives the JSON body with the claims in it.
export const verifyJWT = (text, keys, { issuer, audience }) => {
  const [head, payload, signature, more] = text.split('.')
  const { alg, kid, typ, crit } = JSON.parse(Buffer.from(head, 'base64url'))
  const key = keys.find((one) => one.kid === kid)
  if (more !== undefined || typ !== 'JWT' || crit || !key || key.alg !== alg || !['EdDSA', 'RS256'].includes(alg)) throw new Error('another JWT than is expected')
  if (!verify(alg === 'RS256' ? 'sha256' : null, Buffer.from(`${head}.${payload}`), publicKey(key), Buffer.from(signature, 'base64url'))) throw new Error('the signature does not fit')
  const body = JSON.parse(Buffer.from(payload, 'base64url'))
  if (body.iss !== issuer || body.aud !== audience || !isFresh(body.iat)) throw new Error('the JWT is for somebody else, or of another time')
  return body
}
