// A core: it asks Callout before it makes a user, and tells it afterwards.
const callout = (process.env.CALLOUT_SERVER ?? 'http://127.0.0.1:8080') + '/v1/instances/default'
const method = '/acme.user.v1.UserService/CreateUser'

async function post(path, message) {
  const answer = await fetch(callout + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(message),
  })
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
  return answer.json()
}

async function createUser(user) {
  const reply = await post('/calls/request', { fullMethod: method, request: user })
  if (reply.outcome !== 'continue') {
    console.log('refused:', reply.error.status, reply.error.message)
    return
  }
  user = reply.request ?? user // left out where nothing changed
  console.log('created:', JSON.stringify(user))
  const stored = await post('/events', { aggregateID: 'u1', event_type: 'user.added', event_payload: user })
  console.log('stored:', stored.events.length, 'event')
}

await createUser({ givenName: 'Ada', familyName: 'Lovelace' })
await createUser({ familyName: 'Lovelace' })
