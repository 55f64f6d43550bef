// A core over NATS: calls are requests, events are published into their stream.
import { jetstream } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'

interface User { id: string; givenName?: string; familyName?: string; displayName?: string }
interface Reply { outcome?: string; request?: User; error?: { status: number; message: string } }

const nc = await connect({ servers: process.env.CALLOUT_NATS ?? 'nats://127.0.0.1:4222' })

async function createUser(sent: User): Promise<void> {
  const call = { fullMethod: '/acme.user.v1.UserService/CreateUser', request: sent }
  const subject = 'callout.call.default.request.acme.user.v1.UserService.CreateUser'
  const answer = await nc.request(subject, JSON.stringify(call), { timeout: 30_000 })
  const reply = answer.json<Reply>() // without an outcome the call was none, and the header Callout-Status is there
  if (reply.outcome !== 'continue') return console.log('refused:', reply.error?.status, reply.error?.message)
  const user = reply.request ?? sent // left out where nothing changed
  console.log('created:', user.displayName)
  const event = { aggregateID: user.id, event_type: 'user.added', event_payload: user }
  await jetstream(nc).publish(`callout.event.default.=.${user.id}.user.added`, JSON.stringify(event))
  console.log('stored:', user.id)
}

await createUser({ id: 'u1', givenName: 'Ada', familyName: 'Lovelace' })
await createUser({ id: 'u2', familyName: 'Lovelace' })
await nc.drain()
