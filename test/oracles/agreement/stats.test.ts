import { addSeconds } from 'date-fns'
import fc from 'fast-check'
import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  explainWorkQueue,
  readNextStartTime,
  readWorkPoolStats,
  readWorkQueueStats,
  type RunFigures,
} from 'kysely-work-queues'
import { describe, expect, test } from 'vitest'
import { postgres, sqliteMemory, type TestDatabase } from '../../support/databases.js'
import { factory, type Row } from '../../support/factory.js'
import { now } from '../../contract/explain/places.js'
import { type InsertedState, insertState, type RandomState, randomState } from './random-states.js'

// What the figures of random states have to be, from the rows as they were made, in memory; and `startable` from the claims themselves.

/** A run, with the queue that it belongs to. */
interface Run {
  readonly row: Row
  /** When it starts; a microsecond after now is not yet. */
  readonly start: number | null
  readonly isDue: boolean
  readonly queueId: string | undefined
}

/** Some of the runs that are due longest are late. */
const states = randomState.map((state) => ({
  ...state,
  runs: state.runs.map((run) =>
    run.due === -3 && run.row['state_type'] === 'SCHEDULED' ? { ...run, row: { ...run.row, state_name: 'Late' } } : run,
  ),
}))

function runsOf(state: RandomState, { queues, runs }: InsertedState): Run[] {
  return state.runs.map(({ row, due }, index) => {
    const { queue = null, name = null } = runs[index] ?? {}
    const byName = queues.find((each) => each.takesNames && each.name === name)
    return {
      row,
      start: due === null ? null : due === 'soon' ? now.getTime() : addSeconds(now, due).getTime(),
      isDue: typeof due === 'number' && due <= 0,
      queueId: queue ?? byName?.id,
    }
  })
}

const ACTIVE = new Set<unknown>(['PENDING', 'RUNNING', 'CANCELLING'])

/** The figures of some runs, but for what may start. */
function figuresOf(runs: readonly Run[], cap: number): Omit<RunFigures, 'startable' | 'openSlots'> {
  const scheduled = runs.filter(({ row }) => row['state_type'] === 'SCHEDULED')
  const startsOf = (some: readonly Run[]): Date | null => {
    const starts = some.flatMap(({ start }) => start ?? []).toSorted((a, b) => a - b)
    return starts[0] === undefined ? null : new Date(starts[0])
  }
  const due = scheduled.filter(({ isDue }) => isDue)
  return {
    due: Math.min(cap, due.length),
    late: Math.min(cap, runs.filter(({ row }) => row['state_name'] === 'Late').length),
    scheduled: Math.min(cap, scheduled.length),
    active: runs.filter(({ row }) => ACTIVE.has(row['state_type'])).length,
    oldestDueTime: startsOf(due),
    nextStartTime: startsOf(scheduled),
  }
}

/** The tag filter of each queue. A second queue of one name in a pool was left out. */
function filtersOf({ queues }: RandomState, inserted: InsertedState): (id: string) => Row | null {
  return (id) => {
    const queue = inserted.queues.find((each) => each.id === id)
    const made = queues.find(
      ({ pool, row }) => inserted.pools[pool % inserted.pools.length] === queue?.pool && row['name'] === queue?.name,
    )
    return (made?.row['filter'] ?? null) as Row | null
  }
}

function matches(filter: Row, { row }: Run): boolean {
  const tags = (filter['tags'] ?? []) as string[]
  const deployments = filter['deployment_ids'] as string[] | null
  const deployment = row['deployment_id'] as string | null
  return (
    tags.every((tag) => (row['tags'] as string[]).includes(tag)) &&
    deployment !== null &&
    (deployments === null || deployments.includes(deployment))
  )
}

describe.each([sqliteMemory, postgres])('figures on $name', (kind) => {
  const forStates = async (
    numRuns: number,
    check: (database: TestDatabase, state: RandomState, inserted: InsertedState, cap: number) => Promise<void>,
  ): Promise<void> => {
    await using database = await kind.create()
    const caps = fc.constantFrom(0, 1, 2, 1000)
    await fc.assert(
      fc.asyncProperty(states, caps, async (state, cap) => {
        try {
          await check(database, state, await insertState(factory(database), kind.dialect, state), cap)
        } finally {
          await database.plain.updateTable('work_pool').set({ default_queue_id: null }).execute()
          for (const table of ['flow_run', 'work_pool'] as const) await database.plain.deleteFrom(table).execute()
        }
      }),
      { numRuns },
    )
  }

  /** How many runs a claim would take. */
  const taken = async (
    { db }: TestDatabase,
    claim: (trx: TestDatabase['db']) => Promise<{ readonly length: number }>,
  ): Promise<number> => {
    const trx = await db.startTransaction().execute()
    try {
      return (await claim(trx)).length
    } finally {
      await trx.rollback().execute()
    }
  }

  test('startable is what a claim of the queue, or of the pool, then takes', { timeout: 300_000 }, async () => {
    let started = 0
    let held = 0
    await forStates(100, async (database, state, inserted, cap) => {
      const queues = await readWorkQueueStats(database.db, { cap, now })
      const runs = runsOf(state, inserted)
      for (const { workQueueId, startable, due } of queues) {
        const byPool = await taken(database, (trx) =>
          claimScheduledFlowRuns(trx, { workQueueIds: [workQueueId], limit: cap, now }),
        )
        expect(startable, workQueueId).toBe(byPool)
        if (startable > 0) started++
        if (startable < due) held++
        // A claim of the queue itself takes more in three cases alone.
        const mayDiffer =
          filtersOf(state, inserted)(workQueueId) !== null ||
          runs.some(({ row, queueId }, n) => {
            const isByName = inserted.runs[n]?.queue === null
            return queueId === workQueueId && (isByName || 'retry_type' in (row['empirical_policy'] as object))
          })
        if (mayDiffer) continue
        const byQueue = await taken(
          database,
          async (trx) => (await claimRunsInWorkQueue(trx, workQueueId, { limit: cap, now })).runs,
        )
        expect(startable, workQueueId).toBe(byQueue)
      }
      for (const { workPoolId, startable } of await readWorkPoolStats(database.db, { cap, now })) {
        const byPool = await taken(database, (trx) =>
          claimScheduledFlowRuns(trx, { workPoolIds: [workPoolId], limit: cap, now }),
        )
        expect(startable, workPoolId).toBe(byPool)
      }
    })
    expect(started).toBeGreaterThan(10)
    expect(held).toBeGreaterThan(10)
  })

  test('all other figures are those of the runs that belong there', { timeout: 300_000 }, async () => {
    await forStates(100, async ({ db }, state, inserted, cap) => {
      const runs = runsOf(state, inserted)
      const filterOf = filtersOf(state, inserted)
      const queues = await readWorkQueueStats(db, { cap, now })
      for (const queue of queues) {
        const filter = filterOf(queue.workQueueId)
        const own = runs.filter((run) => (filter === null ? run.queueId === queue.workQueueId : matches(filter, run)))
        const figures = figuresOf(own, cap)
        expect(queue).toMatchObject(figures)
        const limit = queue.concurrencyLimit
        expect(queue.openSlots).toBe(limit === null ? null : Math.max(0, limit - figures.active))
        if (cap < 1000) continue
        const { due, late, scheduled, nextStartTime } = await explainWorkQueue(db, queue.workQueueId, {
          by: 'poll',
          now,
        })
        expect(queue).toMatchObject({ due, late, scheduled, nextStartTime })
      }
      for (const pool of await readWorkPoolStats(db, { cap, now })) {
        const ids = queues
          .filter(({ workPoolId }) => workPoolId === pool.workPoolId)
          .map(({ workQueueId }) => workQueueId)
        const figures = figuresOf(
          runs.filter(({ queueId }) => queueId !== undefined && ids.includes(queueId)),
          cap,
        )
        expect(pool).toMatchObject(figures)
        const limit = pool.concurrencyLimit
        expect(pool.openSlots).toBe(limit === null ? null : Math.max(0, limit - figures.active))
      }

      const paused = new Set(
        (await readWorkPoolStats(db, { now })).filter(({ isPaused }) => isPaused).map(({ workPoolId }) => workPoolId),
      )
      const open = queues.filter(({ isPaused, workPoolId }) => !isPaused && !paused.has(workPoolId))
      const filters = open.map(({ workQueueId }) => filterOf(workQueueId)).filter((filter) => filter !== null)
      const awaited = runs.filter(
        (run) =>
          open.some(({ workQueueId }) => workQueueId === run.queueId) || filters.some((filter) => matches(filter, run)),
      )
      expect(await readNextStartTime(db)).toEqual(figuresOf(awaited, cap).nextStartTime)
    })
  })
})
