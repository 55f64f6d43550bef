// The target that the runner of schemas/conformance drives: node conformance/target.mjs PORT, with CALLOUT_KEYS.
import { setTimeout as wait } from 'node:timers/promises'

import { callout, claim, later, never, reject } from '@callout-hq/sdk'

const counts = {}
const failed = new Set()
const count = (event) => {
  const what = `${event.event_type}/${event.aggregateID}`
  counts[what] = (counts[what] ?? 0) + 1
}
const counted = (act = () => {}) => (event, context) => {
  count(event)
  return act(event, context)
}
const untilTimeIsOver = (signal) => new Promise((resolve) => signal.addEventListener('abort', resolve))

const hooks = callout()
  .request('/conf.v1.Things/Change', ({ request }) => ({ displayName: `${request.givenName} ${request.familyName}` }))
  .request('/conf.v1.Things/Unchanged', () => {})
  .request('/conf.v1.Things/Reject', () => reject(422, 'a thing needs a name'))
  .request('/conf.v1.Things/Throw', () => { throw new Error('secret inside') })
  .request('/conf.v1.Things/Hang', (_body, { signal }) => untilTimeIsOver(signal))
  .request('/conf.v1.Things/Echo', (body) => ({ seen: body }))
  .request('/conf.v1.Things/List', () => [1, 2])
  .request('conf.v1.Things', () => ({ by: 'service' }))
  .request('*', () => ({ by: 'all' }))
  .response('/conf.v1.Things/Change', ({ response }) => ({ count: response.count + 1 }))
  .function('create_id_token', ({ user }) => claim('uid', user.id))
  .function('counts', () => ({ counts }))
  .event('thing.added', counted())
  .event('thing.*', counted())
  .event('fail.always', counted(() => { throw new Error('secret inside') }))
  .event('fail.once', counted(({ aggregateID }) => {
    if (failed.has(aggregateID)) return
    failed.add(aggregateID)
    throw new Error('secret inside')
  }))
  .event('slow.thing', counted(() => wait(500)))
  .event('later.thing', counted(() => later({ after: 7 })))
  .event('never.thing', counted(() => never('it is of no use')))
  .event('reject.thing', counted(() => reject(422, 'it has happened')))

await hooks.serve(Number(process.argv[2] ?? 0), { host: '127.0.0.1' })
