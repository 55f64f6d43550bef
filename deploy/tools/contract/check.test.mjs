// Holds schemas/asyncapi.yaml against its parser, and compiles the TypeScript that is made
// of the OpenAPI documents.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import asyncapi from '@asyncapi/parser'
import openapiTS, { astToString } from 'openapi-typescript'

const schemas = new URL('../../../schemas/', import.meta.url)
const read = (name) => readFileSync(new URL(name, schemas), 'utf8')

// The parser tells of a newer version of AsyncAPI; that is news and no fault.
const news = 'asyncapi-latest-version'

async function faultsOf(text) {
  const { document, diagnostics } = await new asyncapi.Parser().parse(text)
  const faults = diagnostics.filter((d) => d.code !== news).map((d) => `${d.path.join('/')}: ${d.message}`)
  return { document, faults }
}

test('AsyncAPI is valid', async () => {
  const { document, faults } = await faultsOf(read('asyncapi.yaml'))
  assert.deepEqual(faults, [])
  assert.ok(document.operations().length >= 6)
  // The parser takes an answer that its channel does not have.
  for (const operation of document.operations()) {
    const reply = operation.reply()
    if (!reply) continue
    const there = reply.channel().messages().all().map((m) => m.name())
    for (const message of reply.messages()) assert.ok(there.includes(message.name()), `${operation.id()}: ${message.name()}`)
  }
})

test('the parser sees what is wrong', async () => {
  for (const [was, is] of [['bindingVersion: 0.1.0', 'bindingVersion: 0.1.0\n        stream: a'], ['$message.header#/reply', 'header.reply'], ['action: receive', 'action: take']]) {
    const text = read('asyncapi.yaml')
    assert.ok(text.includes(was), was)
    assert.notDeepEqual((await faultsOf(text.replace(was, is))).faults, [], is)
  }
})

// What somebody writes with the types: right, and wrong in a way that must be seen.
const use = `import type { components, operations } from './targets.js'
type Answer = operations['OnRequest']['responses'][200]['content']['application/json']
const call = {} as operations['OnRequest']['requestBody']['content']['application/json']
export const method: string = call.fullMethod
export const change: Answer = { displayName: 'Ada' }
export const no: Answer = { forwardedStatusCode: 422, forwardedErrorMessage: 'no' }
export const token: components['schemas']['TokenChanges'] = { append_claims: [{ key: 'a', value: 1 }] }
// @ts-expect-error: an event has a type
export const event: components['schemas']['Event'] = { aggregateID: 'u1' }
// @ts-expect-error: a refusal has a status
export const half: components['schemas']['Rejection'] = { forwardedErrorMessage: 'no' }
// @ts-expect-error: there is no such code
export const code: components['schemas']['ReceiverError'] = { code: 'oops', message: '' }
`

const useTyped = `import type { operations } from './typed.js'
type Call = operations['OnRequestAllV1AllServiceDo']['requestBody']['content']['application/json']
type Answer = operations['OnRequestAllV1AllServiceDo']['responses'][200]['content']['application/json']
export const long: string | undefined = ({} as Call).request.oneInt64
export const change: Answer = { oneInt64: '7', oneAll: { oneBool: true } }
// @ts-expect-error: an int64 is a text
export const wrong: Call['request'] = { oneInt64: 7 }
`

test('TypeScript of the OpenAPI documents compiles', async () => {
  const into = mkdtempSync(join(tmpdir(), 'callout-contract-'))
  try {
    for (const [name, file] of [['targets.openapi.yaml', 'targets.ts'], ['openapi.yaml', 'core.ts'], ['../pkg/contract/testdata/all.openapi.json', 'typed.ts']]) {
      writeFileSync(join(into, file), astToString(await openapiTS(new URL(name, schemas))))
    }
    writeFileSync(join(into, 'use.ts'), use)
    writeFileSync(join(into, 'usetyped.ts'), useTyped)
    const tsc = fileURLToPath(new URL('node_modules/typescript/bin/tsc', import.meta.url))
    execFileSync(process.execPath, [tsc, '--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2022', ...['targets.ts', 'core.ts', 'typed.ts', 'use.ts', 'usetyped.ts'].map((f) => join(into, f))], { stdio: 'pipe', encoding: 'utf8' })
  } catch (err) {
    assert.fail(`${err.message}\n${err.stdout ?? ''}`)
  } finally {
    rmSync(into, { recursive: true })
  }
})
