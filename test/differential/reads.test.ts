import fc from 'fast-check'
import {
  countWorkPoolActiveSlots,
  countWorkQueueActiveSlots,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  readWorkPoolSlotHolders,
  readWorkQueues,
  readWorkQueueSlotHolders,
  readWorkQueueStatus,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory, type TestDatabase } from '../support/databases.js'
import { factory } from '../support/factory.js'
import { holdersOfPool, holdersOfQueue, pollPools, pollQueue, queuesByName, type State, statusOf } from './model.js'
import { load, NOW, poolPolls, queuePolls, states } from './states.js'

// SQLite, PostgreSQL and a model written from the contract alone give the same answers, in the same order. fast-check prints the
// seed of a failure and shrinks it.

const questions = fc.record({
  state: states,
  queuePolls: fc.array(queuePolls, { minLength: 2, maxLength: 2 }),
  poolPolls: fc.array(poolPolls, { minLength: 4, maxLength: 4 }),
})

test(
  'every read and poll of a random state is the same on SQLite, on PostgreSQL and in the model',
  { timeout: 180_000 },
  async () => {
    await using sqlite = await sqliteMemory.create()
    await using pg = await postgres.create()
    let asked = 0
    await fc.assert(
      fc.asyncProperty(questions, async ({ state, ...polls }) => {
        const expected = answersOfModel(state, polls)
        for (const database of [sqlite, pg]) {
          await load(database, factory(database), state)
          expect(await answersOf(database, state, polls), database.dialect).toEqual(expected)
        }
        asked++
      }),
      { numRuns: 500 },
    )
    expect(asked).toBeGreaterThanOrEqual(500)
  },
)

type Polls = Omit<typeof questions extends fc.Arbitrary<infer Q> ? Q : never, 'state'>

function answersOfModel(state: State, polls: Polls): unknown {
  const names = (runs: { id: string }[]): string[] => runs.map(({ id }) => id)
  return {
    queues: queuesByName(state.queues).map((queue) => ({
      id: queue.id,
      polls: polls.queuePolls.map((poll) => names(pollQueue(state, queue, poll))),
      slots: holdersOfQueue(state, queue).length,
      holders: names(holdersOfQueue(state, queue)),
      status: statusOf(state, queue, NOW),
    })),
    pools: state.pools.map((pool) => ({
      slots: holdersOfPool(state, pool).length,
      holders: names(holdersOfPool(state, pool)),
    })),
    polls: polls.poolPolls.map((poll) =>
      pollPools(state, poll).map(({ run, queue }) => [queue.poolId, queue.id, run.id]),
    ),
  }
}

async function answersOf({ db }: TestDatabase, state: State, polls: Polls): Promise<unknown> {
  const toDate = (time: number | undefined): Date | undefined => (time === undefined ? undefined : new Date(time))
  const queueSlots = await countWorkQueueActiveSlots(
    db,
    state.queues.map(({ id }) => id),
  )
  const poolSlots = await countWorkPoolActiveSlots(
    db,
    state.pools.map(({ id }) => id),
  )
  const queues: unknown[] = []
  for (const { id } of await readWorkQueues(db)) {
    const found: string[][] = []
    for (const { limit, before } of polls.queuePolls) {
      const { runs } = await getRunsInWorkQueue(db, id, { limit, scheduledBefore: toDate(before) })
      found.push(runs.map((run) => run.id))
    }
    const holders = await readWorkQueueSlotHolders(db, id)
    const { healthy, lateRunsCount } = await readWorkQueueStatus(db, id, { now: new Date(NOW) })
    queues.push({
      id,
      polls: found,
      slots: queueSlots.get(id),
      holders: holders.map(({ flowRun }) => flowRun.id),
      status: { healthy, lateRunsCount },
    })
  }
  const pools: unknown[] = []
  for (const { id } of state.pools) {
    const holders = await readWorkPoolSlotHolders(db, id)
    pools.push({ slots: poolSlots.get(id), holders: holders.map(({ flowRun }) => flowRun.id) })
  }
  const found: unknown[] = []
  for (const poll of polls.poolPolls) {
    const runs = await getScheduledFlowRuns(db, {
      workPoolIds: poll.poolIds,
      workQueueIds: poll.queueIds,
      scheduledBefore: toDate(poll.before),
      scheduledAfter: toDate(poll.after),
      limit: poll.limit,
      respectQueuePriorities: poll.byPriority,
    })
    found.push(runs.map(({ workPoolId, workQueueId, flowRun }) => [workPoolId, workQueueId, flowRun.id]))
  }
  return { queues, pools, polls: found }
}
