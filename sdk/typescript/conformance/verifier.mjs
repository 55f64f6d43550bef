// The verifier that the runner of schemas/conformance asks: node conformance/verifier.mjs, a line of JSON for each case.
import { createInterface } from 'node:readline'

import { Verifier } from '@callout-hq/sdk'

const none = (value) => value === undefined || value === null || value === '' || value.length === 0

const answer = async (line) => {
  const { id, now, keys, schemes, headers, body, payload, jwks, issuer, audience, private_keys: privateKeys } = JSON.parse(line)
  const values = (name) => (headers ?? []).filter(([one]) => one.toLowerCase() === name).map(([, value]) => value)
  try {
    const verifier = new Verifier({
      keys: keys ?? [],
      schemes: none(schemes) ? undefined : schemes,
      payload: none(payload) ? undefined : payload,
      jwks: none(jwks) || Object.keys(jwks).length === 0 ? undefined : jwks,
      issuer: issuer || undefined,
      audience: audience || undefined,
      privateKeys: privateKeys ?? undefined,
      now: () => now * 1000,
    })
    const genuine = await verifier.verify(values, Buffer.from(body ?? '', 'base64'))
    return { id, ok: true, delivery_id: genuine.id ?? '', body: Buffer.from(genuine.body).toString('base64') }
  } catch (fault) {
    if (process.env.CALLOUT_WHY) console.error(id, fault.check ?? fault.message)
    return { id, ok: false }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() !== '') process.stdout.write(`${JSON.stringify(await answer(line))}\n`)
}
