import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { answersOf, scenarios } from './routes/scenarios.js'
import { type Exchange, transcribe } from './routes/transcript.js'
import { serveEach } from './serve-example.js'

// What a real Prefect server answered to these requests is kept in routes/answers; `npm run test:prefect` asks it again.

describeOnDatabases(
  'the example answers as Prefect’s server does:',
  (t) => {
    const { send } = serveEach(t)
    describe.each(scenarios)('%s', (file, list) => {
      test.each(list.map((scenario) => [scenario.title, scenario] as const))('%s', async (title, scenario) => {
        const answers = JSON.parse(await readFile(answersOf(file), 'utf8')) as Record<string, Exchange[]>
        expect(await transcribe(scenario, send, randomUUID())).toEqual(answers[title])
      })
    })
  },
  [sqliteMemory, postgres],
)
