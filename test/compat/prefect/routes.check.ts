import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { answersOf, scenarios } from '../../examples/routes/scenarios.js'
import { type Exchange, format, type Send, transcribe } from '../../examples/routes/transcript.js'
import { startPrefect } from './server.js'
import { createEmptyDatabase } from '../../support/database-url.js'

// What a real server answers is what is kept in test/examples/routes/answers, which the example is held against. With `-u` it is
// written anew. On databases of their own, since queues of other checks would move priorities.

describe.each(['sqlite', 'postgres'] as const)('Prefect’s own routes (%s)', (dialect) => {
  let directory: string
  let prefect: Awaited<ReturnType<typeof startPrefect>>

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kysely-work-queues-routes-'))
    const database = dialect === 'sqlite' ? join(directory, 'prefect.db') : await createEmptyDatabase('prefect_routes')
    const command = inject('prefects')[0]?.command ?? ''
    prefect = await startPrefect({ command, dialect, database, home: join(directory, 'home') })
  })
  afterAll(async () => {
    await prefect.stop()
    await rm(directory, { recursive: true, force: true })
  })

  test.each(scenarios)('answer as they did: %s', async (file, list) => {
    const send = sendTo(prefect.place.apiUrl)
    const flow = await send('POST', '/flows/', { name: 'flow' })
    const transcripts = new Map<string, Exchange[]>()
    for (const scenario of list) transcripts.set(scenario.title, await transcribe(scenario, send, flow.body.id))
    await expect(format(transcripts)).toMatchFileSnapshot(fileURLToPath(answersOf(file)))
  })
})

/** As Prefect's clients do, tries again when the server's database is busy. */
function sendTo(url: string): Send {
  return async function send(method, path, body) {
    const response = await fetch(url + path, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (response.status === 503) {
      await setTimeout(200)
      return await send(method, path, body)
    }
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
  }
}
