// A target of Callout: it verifies who calls, and answers. Standard library only.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const key = readFileSync('signing.key', 'utf8').trim() // whsec_…
const tolerance = 300 // seconds for which a signature is good
const done = new Set() // ids of deliveries; a real target keeps them where it keeps its data

const same = (a, b) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
const isFresh = (stamp) => /^\d+$/.test(stamp) && Math.abs(Date.now() / 1000 - Number(stamp)) <= tolerance
const header = (request, name) => String(request.headers[name] ?? '')

// zitadel-signature: t=1700000000,v1=HEX — of the key's text, over `t.body`.
function verifyZitadel(request, body) {
  const parts = header(request, 'zitadel-signature').split(',').map((part) => part.split('='))
  const stamp = parts.find(([name]) => name === 't')?.[1] ?? ''
  const want = createHmac('sha256', key).update(stamp + '.').update(body).digest('hex')
  return isFresh(stamp) && parts.some(([name, value]) => name === 'v1' && same(value ?? '', want))
}

// webhook-signature: v1,BASE64 — of the decoded key, over `id.timestamp.body`.
function verifyStandard(request, body) {
  const stamp = header(request, 'webhook-timestamp')
  const secret = Buffer.from(key.replace(/^whsec_/, ''), 'base64')
  const want = 'v1,' + createHmac('sha256', secret).update(`${header(request, 'webhook-id')}.${stamp}.`).update(body).digest('base64')
  return isFresh(stamp) && header(request, 'webhook-signature').split(' ').some((signature) => same(signature, want))
}

// What is answered is merged into the request. Other calls stay as they are.
function onCall(message) {
  const user = message.request
  if (user === undefined || 'response' in message) return [200, {}]
  if (!user.givenName) return [422, { forwardedErrorMessage: 'a user needs a given name' }]
  return [200, { displayName: `${user.givenName} ${user.familyName ?? ''}` }]
}

// An event comes in order, and may come twice, under one delivery id.
function onEvent(message, request) {
  const delivery = header(request, 'webhook-id') // which is signed
  if (!done.has(delivery) && header(request, 'callout-test') !== 'true') {
    console.log('event', message.event_type, 'of', message.aggregateID)
    done.add(delivery)
  }
  return [200, {}]
}

function answerTo(request, body) {
  if (!verifyZitadel(request, body) || !verifyStandard(request, body)) return [401, { error: 'the signature is not valid' }]
  const message = JSON.parse(body)
  return 'event_type' in message ? onEvent(message, request) : onCall(message)
}

const server = createServer(async (request, response) => {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const [status, message] = answerTo(request, Buffer.concat(chunks))
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(message))
})
server.listen(Number(process.env.PORT ?? 9000), '127.0.0.1', () => {
  console.log(`the target listens on http://127.0.0.1:${server.address().port}`)
})
