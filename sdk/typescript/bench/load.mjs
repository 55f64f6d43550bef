// A target under 64 in flight beside a bare handler that reads and parses the same body: node bench/load.mjs [SECONDS]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'

import { callout } from '@callout-hq/sdk'
import { handler } from '@callout-hq/sdk/node'
import { testKit } from '@callout-hq/sdk/testing'

const key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const method = '/acme.user.v1.UserService/CreateUser'
const answer = (body) => ({ displayName: body.request.givenName })

const bare = (incoming, response) => {
  const parts = []
  incoming.on('data', (part) => parts.push(part)).on('end', () => {
    const text = Buffer.from(JSON.stringify(answer(JSON.parse(Buffer.concat(parts).toString()))))
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length }).end(text)
  })
}

// The server is a process of its own, so that the load is not measured with it.
if (process.send) {
  const listener = process.argv[2] === 'bare' ? bare : handler(callout({ keys: key }).request(method, answer))
  const server = createServer(listener).listen(0, '127.0.0.1', () => process.send(server.address().port))
} else {
  const seconds = Number(process.argv[2] ?? 4)
  const signed = await testKit({ fetch: () => new Response() }, { key }).sign({ fullMethod: method, request: { givenName: 'Ada', note: 'x'.repeat(940) } })
  const headers = Object.fromEntries(signed.headers)
  const body = Buffer.from(await signed.arrayBuffer())
  headers['content-length'] = body.length

  const drive = async (port, time) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 64 })
    const end = Date.now() + time * 1000
    let done = 0
    const one = () => new Promise((resolve, reject) => {
      request({ port, host: '127.0.0.1', method: 'POST', headers, agent }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`))
        response.resume().on('end', resolve)
      }).on('error', reject).end(body)
    })
    await Promise.all(Array.from({ length: 64 }, async () => { while (Date.now() < end) { await one(); done++ } }))
    agent.destroy()
    return done / time
  }

  const servers = { bare: fork(import.meta.filename ?? process.argv[1], ['bare']), sdk: fork(import.meta.filename ?? process.argv[1], ['sdk']) }
  const best = { bare: 0, sdk: 0 }
  const ports = {}
  for (const [name, server] of Object.entries(servers)) [ports[name]] = await once(server, 'message')
  for (const name of Object.keys(servers)) await drive(ports[name], 1)
  for (let round = 0; round < 3; round++) {
    for (const name of Object.keys(servers)) {
      const rate = await drive(ports[name], seconds)
      best[name] = Math.max(best[name], rate)
      console.log(`${name.padEnd(4)} ${rate.toFixed(0)} requests/s`)
    }
  }
  console.log(`ratio of the best: ${(best.sdk / best.bare).toFixed(2)}`)
  for (const server of Object.values(servers)) server.kill()
}
