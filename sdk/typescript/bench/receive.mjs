// Verify, decode and find the handler for a body of 1 KiB: node bench/receive.mjs
import { Bench } from 'tinybench'

import { callout, Verifier } from '@callout-hq/sdk'
import { testKit } from '@callout-hq/sdk/testing'

const key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const body = { fullMethod: '/acme.user.v1.UserService/CreateUser', request: { givenName: 'Ada', note: 'x'.repeat(940) } }
const hooks = callout({ keys: key }).request('/acme.user.v1.UserService/CreateUser', ({ request }) => ({ displayName: request.givenName }))
const verifier = new Verifier({ keys: key })

const prepare = async (schemes, now) => {
  const signed = await testKit(hooks, { key, schemes }).sign(body, { signedAt: new Date(now) })
  const headers = Object.fromEntries(signed.headers)
  const bytes = new Uint8Array(await signed.arrayBuffer())
  const values = (name) => (headers[name] === undefined ? [] : [headers[name]])
  return { bytes, values, incoming: { method: 'POST', path: '/', values, headers: () => new Headers(headers), body: async () => bytes } }
}
const standard = await prepare(['standard'], Date.now())
const zitadel = await prepare(['zitadel'], Date.now())
const inFlight = (n, one) => () => Promise.all(Array.from({ length: n }, one))

const bench = new Bench({ time: 2000 })
bench
  .add(`verify, Standard Webhooks, ${standard.bytes.length} bytes`, () => verifier.verify(standard.values, standard.bytes))
  .add('receive, Standard Webhooks', () => hooks.receive(standard.incoming))
  .add("receive, ZITADEL's", () => hooks.receive(zitadel.incoming))
  .add('receive, Standard Webhooks, 64 at once', inFlight(64, () => hooks.receive(standard.incoming)))
await bench.run()
console.table(bench.table())
