// A core over HTTP: it asks Callout before it makes a user, and tells it afterwards.
interface User { id: string; givenName?: string; familyName?: string; displayName?: string }
interface Reply { outcome: string; request?: User; error?: { status: number; message: string } }

const callout = (process.env.CALLOUT_SERVER ?? 'http://127.0.0.1:8080') + '/v1/instances/default'

async function post<T>(path: string, message: unknown): Promise<T> {
  const headers = { 'Content-Type': 'application/json' }
  const answer = await fetch(callout + path, { method: 'POST', headers, body: JSON.stringify(message) })
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
  return (await answer.json()) as T
}

async function createUser(sent: User): Promise<void> {
  const call = { fullMethod: '/acme.user.v1.UserService/CreateUser', request: sent }
  const reply = await post<Reply>('/calls/request', call)
  if (reply.outcome !== 'continue') return console.log('refused:', reply.error?.status, reply.error?.message)
  const user = reply.request ?? sent // left out where nothing changed
  console.log('created:', user.displayName)
  await post('/events', { aggregateID: user.id, event_type: 'user.added', event_payload: user })
  console.log('stored:', user.id)
}

await createUser({ id: 'u1', givenName: 'Ada', familyName: 'Lovelace' })
await createUser({ id: 'u2', familyName: 'Lovelace' })
