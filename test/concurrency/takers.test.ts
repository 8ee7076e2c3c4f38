import { fork } from 'node:child_process'
import { sql } from 'kysely'
import { createFlowRuns, takeEvents } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, sqliteFile, withEventLog } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { urlOf } from '../support/database-url.js'
import { bundleClaimer } from './processes/bundle-claimer.js'

const EVENTS = 400
const TAKERS = 3

describeOnDatabases(
  'takers of events in processes of their own',
  (t) => {
    test('lose none and handle none twice, also when some are killed between taking and the commit', async () => {
      const queue = await t.make.queue()
      const plain = t.database.plain
      await sql`create table handled (event varchar not null, taker varchar not null)`.execute(plain)
      await takeEvents(t.db)
      await createFlowRuns(
        t.db,
        Array.from({ length: EVENTS }, () => ({ workQueueId: queue })),
      )
      const { rows: written } = await sql<{ id: string }>`select id from work_queue_event`.execute(plain)
      expect(written).toHaveLength(EVENTS)

      using bundle = await bundleClaimer('taker.ts')
      const url = await urlOf(t.database)
      let seed = 0
      let kills = 0
      /** Ends when there is nothing to take, or when it is killed. */
      const run = async (deaths: number): Promise<void> => {
        const settings = JSON.stringify({ url, dialect: t.kind.dialect, seed: ++seed, deaths })
        const taker = fork(bundle.script, [settings], { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
        let error = ''
        taker.stderr?.on('data', (text: Buffer) => (error += text.toString()))
        const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
          taker.once('close', (...ended) => resolve(ended))
        })
        if (signal === 'SIGKILL') kills++
        else expect([code, error]).toEqual([0, ''])
      }
      // Those that are killed leave the rest to others, who are killed too, and at last to one that is not.
      const doomed = async (): Promise<void> => {
        for (let n = 0; n < 3; n++) await run(6)
      }
      await Promise.all(Array.from({ length: TAKERS }, doomed))
      while ((await sql`select 1 as one from work_queue_event limit 1`.execute(plain)).rows.length > 0) await run(0)

      const { rows: handled } = await sql<{ event: string; taker: string }>`select * from handled`.execute(plain)
      expect(handled.map(({ event }) => event).toSorted()).toEqual(written.map(({ id }) => id).toSorted())
      expect(new Set(handled.map(({ taker }) => taker)).size).toBeGreaterThan(1)
      expect(kills).toBeGreaterThan(2)
    })
  },
  [sqliteFile, postgres].map(withEventLog),
)
