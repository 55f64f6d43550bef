// A target and a producer made with the CloudEvents library for JavaScript. As "target" it
// listens, and prints a line of JSON for each delivery that the library reads; as "send
// URL" it sends an event in each of the three modes, and prints the status of each answer.
import { createServer } from 'node:http'
import { CloudEvent, HTTP } from 'cloudevents'

const [what, url] = process.argv.slice(2)
if (what === 'target') {
  const server = createServer((request, response) => {
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      try {
        const event = HTTP.toEvent({ headers: request.headers, body: Buffer.concat(chunks).toString() })
        event.validate()
        console.log(JSON.stringify(event))
        response.end()
      } catch (error) {
        console.log(JSON.stringify({ error: String(error), headers: request.headers }))
        response.writeHead(500).end()
      }
    })
  })
  server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
} else {
  const made = (id) =>
    new CloudEvent({ id, source: 'https://js.example/shop', type: 'orders/create', subject: 'js 1', org: 'acme', partitionkey: 'p', data: { from: id } })
  const send = async ({ headers, body }) => console.log((await fetch(url, { method: 'POST', headers, body })).status)
  await send(HTTP.binary(made('js-binary')))
  await send(HTTP.structured(made('js-structured')))
  await send({ headers: { 'content-type': 'application/cloudevents-batch+json' }, body: JSON.stringify([made('js-batch-1'), made('js-batch-2')]) })
}
