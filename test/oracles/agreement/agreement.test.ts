import fc from 'fast-check'
import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  type ExplainedBy,
  explainFlowRun,
  type FlowRunExplanation,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  readFlowRun,
} from 'kysely-work-queues'
import { describe, expect, test } from 'vitest'
import { postgres, sqliteMemory, type TestDatabase } from '../../support/databases.js'
import { factory } from '../../support/factory.js'
import { now } from '../../contract/explain/places.js'
import { type InsertedState, insertState, type RandomState, randomState } from './random-states.js'
import { keyOf, remove } from '../../contract/explain/remedies.js'

type Db = TestDatabase['db']

// A failure prints its seed and path, and is shrunk.
//
// A rule that is broken in its one place is broken for polls and explanations alike: then this file sees nothing, and the tests that
// know the facts do. Where this file's agreement does fail, two that belong together were parted: a direction of `handOutOrder` and the
// comparison of `comesBefore`.

/** What is handed out next, of each queue and of each pool: by a claim that is undone, or by a poll. */
const handOuts: Record<
  ExplainedBy,
  Record<'ofQueue' | 'ofPool', (db: Db, id: string, at: Date) => Promise<string[]>>
> = {
  poll: {
    ofQueue: async (db, id, at) =>
      (await getRunsInWorkQueue(db, id, { scheduledBefore: at })).runs.map((run) => run.id),
    ofPool: async (db, id, at) =>
      (await getScheduledFlowRuns(db, { workPoolIds: [id], scheduledBefore: at })).map(({ flowRun }) => flowRun.id),
  },
  claim: {
    ofQueue: (db, id, now) =>
      undone(db, async (trx) => (await claimRunsInWorkQueue(trx, id, { now })).runs.map((run) => run.id)),
    ofPool: (db, id, now) =>
      undone(db, async (trx) =>
        (await claimScheduledFlowRuns(trx, { workPoolIds: [id], scheduledBefore: now, now })).map(
          ({ flowRun }) => flowRun.id,
        ),
      ),
  },
}

async function undone<T>(db: Db, call: (trx: Db) => Promise<T>): Promise<T> {
  const trx = await db.startTransaction().execute()
  try {
    return await call(trx)
  } finally {
    await trx.rollback().execute()
  }
}

/** The ids of the runs that are handed out next: by its queue and by its pool, or, known by name alone, by its queue. */
async function handOutAll(
  db: Db,
  { pools, queues, runs }: InsertedState,
  at: Date,
  by: ExplainedBy,
): Promise<Set<string>> {
  const { ofQueue, ofPool } = handOuts[by]
  const byQueue = new Map<string, Set<string>>()
  for (const { id } of queues) {
    byQueue.set(id, new Set(await ofQueue(db, id, at)))
  }
  const byPool = new Set<string>()
  for (const id of pools) {
    for (const run of await ofPool(db, id, at)) byPool.add(run)
  }
  const isPolled = ({ id, queue, name }: InsertedState['runs'][number]): boolean =>
    queue === null
      ? queues.some((other) => other.takesNames && other.name === name && byQueue.get(other.id)?.has(id))
      : byQueue.get(queue)?.has(id) === true && byPool.has(id)
  return new Set(runs.filter(isPolled).map(({ id }) => id))
}

/** Whether a run is handed out, wherever it belongs now. */
async function isHandedOut(db: Db, id: string, at: Date, by: ExplainedBy): Promise<boolean> {
  const run = await readFlowRun(db, id)
  const rows = await db
    .selectFrom('work_queue as queue')
    .innerJoin('work_pool as pool', 'pool.id', 'queue.work_pool_id')
    .select(['queue.id', 'queue.name', 'pool.id as pool', 'pool.name as poolName'])
    .execute()
  const queues = rows.map((row) => ({ ...row, takesNames: row.poolName === 'default-agent-pool' }))
  const polled = await handOutAll(
    db,
    {
      pools: [...new Set(queues.map(({ pool }) => pool))],
      queues,
      runs: [{ id, queue: run?.workQueueId ?? null, name: run?.workQueueName ?? null }],
    },
    at,
    by,
  )
  return polled.has(id)
}

function hindrances({ reasons }: FlowRunExplanation): FlowRunExplanation['reasons'] {
  return reasons.filter(({ kind }) => kind !== 'handed-out')
}

const kinds = [sqliteMemory, postgres].flatMap((kind) =>
  (['claim', 'poll'] as const).map((by) => [kind.name, by, kind] as const),
)

describe.each(kinds)('on %s, by %s', (_, by, kind) => {
  const withState = async (
    database: TestDatabase,
    state: RandomState,
    check: (inserted: InsertedState) => Promise<void>,
  ): Promise<void> => {
    try {
      await check(await insertState(factory(database), kind.dialect, state))
    } finally {
      await database.plain.updateTable('work_pool').set({ default_queue_id: null }).execute()
      for (const table of ['flow_run', 'work_pool'] as const) await database.plain.deleteFrom(table).execute()
    }
  }

  test('a run is said to be handed out exactly when it is', { timeout: 600_000 }, async () => {
    await using database = await kind.create()
    const { db } = database
    let explained = 0
    let handedOut = 0
    await fc.assert(
      fc.asyncProperty(randomState, async (state) => {
        await withState(database, state, async (inserted) => {
          const polled = await handOutAll(db, inserted, now, by)
          // Of each state two runs, as random as the others, and one that comes out.
          const some = [...inserted.runs.slice(0, 2), ...inserted.runs.filter(({ id }) => polled.has(id)).slice(0, 1)]
          for (const { id } of some) {
            const explanation = await explainFlowRun(db, id, { by, now })
            expect(explanation).toMatchObject({ flowRunId: id, handedOut: polled.has(id) })
            expect(explanation.reasons.at(-1)?.kind === 'handed-out').toBe(polled.has(id))
            expect(explanation.reasons.length).toBeGreaterThan(0)
            explained++
            if (polled.has(id)) handedOut++
          }
        })
      }),
      { numRuns: 1000 },
    )
    expect(explained).toBeGreaterThanOrEqual(1000)
    expect(handedOut).toBeGreaterThan(200)
  })

  test(
    'a reason that is removed is no longer given, and without all of them the run comes out',
    { timeout: 600_000 },
    async () => {
      await using database = await kind.create()
      const { db } = database
      const seen = new Set<string>()
      await fc.assert(
        fc.asyncProperty(randomState, fc.nat({ max: 9 }), async (state, number) => {
          await withState(database, state, async ({ runs }) => {
            const id = runs[number]?.id as string
            const explanation = await explainFlowRun(db, id, { by, now })

            for (const reason of hindrances(explanation)) {
              seen.add(reason.kind)
              const trx = await db.startTransaction().execute()
              const at = await remove(trx, id, reason, now)
              const { reasons } = await explainFlowRun(trx, id, { by, now: at })
              expect(reasons.map(keyOf)).not.toContain(keyOf(reason))
              await trx.rollback().execute()
            }

            let at = now
            let current = explanation
            for (let rounds = 0; rounds < 10 && hindrances(current).length > 0; rounds++) {
              for (const reason of hindrances(current)) at = await remove(db, id, reason, at)
              current = await explainFlowRun(db, id, { by, now: at })
            }
            expect(current.reasons).toEqual([{ kind: 'handed-out', sentence: `The next ${by} hands it out.` }])
            expect(await isHandedOut(db, id, at, by)).toBe(true)
          })
        }),
        { numRuns: 120 },
      )
      expect([...seen].toSorted()).toEqual([
        'behind',
        'no-queue',
        'no-worker',
        'not-due',
        'not-in-filter',
        'not-polled',
        'not-scheduled',
        'pool-full',
        'pool-paused',
        'queue-full',
        'queue-paused',
        'retried-in-process',
      ])
    },
  )
})
