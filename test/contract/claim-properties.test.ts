import fc from 'fast-check'
import { sql } from 'kysely'
import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  type StateType,
} from 'kysely-work-queues'
import { openSlots, WORK_QUEUE_SLOT_STATES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../support/databases.js'
import { type Contract, describeOnDatabases } from '../support/describe-databases.js'
import { testId } from '../support/factory.js'

// Random states of pools, queues and runs; what a claim has to take is worked out here, from the contract, in memory.

const NOW = Date.UTC(2035, 0, 1, 12)
const now = new Date(NOW)
const NO_LIMIT = Number.POSITIVE_INFINITY

interface State {
  readonly pools: { id: string; isPaused: boolean; limit: number | null }[]
  readonly queues: { id: string; pool: number; name: string; isPaused: boolean; limit: number | null }[]
  readonly runs: { id: string; queue: number; byName: boolean; type: StateType; start: number | null }[]
}

const limit = fc.option(fc.integer({ min: 0, max: 4 }))
const rarely = fc.integer({ min: 0, max: 4 }).map((n) => n === 0)
const index = fc.nat({ max: 59 })
const states: fc.Arbitrary<State> = fc.record({
  pools: fc
    .array(fc.record({ isPaused: rarely, limit }), { minLength: 1, maxLength: 2 })
    .map((some) => some.map((pool, n) => ({ ...pool, id: testId(n + 1, 1) }))),
  queues: fc
    .array(fc.record({ pool: index, isPaused: rarely, limit }), { minLength: 1, maxLength: 4 })
    .map((some) => some.map((queue, n) => ({ ...queue, id: testId(n + 1, 2), name: `q${n}` }))),
  runs: fc
    .array(
      fc.record({
        queue: index,
        byName: rarely,
        type: fc.oneof(
          { arbitrary: fc.constant('SCHEDULED' as const), weight: 4 },
          { arbitrary: fc.constantFrom('PENDING' as const, 'RUNNING', 'CANCELLING', 'COMPLETED'), weight: 1 },
        ),
        start: fc.option(fc.constantFrom(-2000, -1, 0, 1, 3000)),
      }),
      { maxLength: 16 },
    )
    .map((some) => some.map((run, n) => ({ ...run, id: testId(n + 1, 3) }))),
})
const asks = fc.record({
  limit: fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined }),
  scheduledBefore: fc.constantFrom(undefined, now),
})
type Ask = typeof asks extends fc.Arbitrary<infer T> ? T : never

/** The state, with what is asked of it worked out the long way. */
class Model {
  readonly #state: State

  constructor({ pools, queues, runs }: State) {
    this.#state = {
      pools,
      queues: queues.map((queue) => ({ ...queue, pool: queue.pool % pools.length })),
      runs: runs.map((run) => ({ ...run, queue: run.queue % queues.length })),
    }
  }

  get queues() {
    return this.#state.queues
  }

  #isActive = ({ type }: { type: StateType }): boolean => WORK_QUEUE_SLOT_STATES.includes(type)

  /** A name alone belongs to the default agent pool, which is the first. */
  #isMember = ({ byName, queue }: State['runs'][0]): boolean => !byName || this.queues[queue]?.pool === 0

  openSlotsOfQueue(queue: number): number {
    const isOfQueue = (run: State['runs'][0]): boolean => this.#isMember(run) && run.queue === queue
    const active = this.#state.runs.filter((run) => isOfQueue(run) && this.#isActive(run)).length
    return openSlots(this.queues[queue]?.limit ?? NO_LIMIT, active)
  }

  openSlotsOfPool(pool: number): number {
    const isOfPool = (run: State['runs'][0]): boolean => this.#isMember(run) && this.queues[run.queue]?.pool === pool
    const active = this.#state.runs.filter((run) => isOfPool(run) && this.#isActive(run)).length
    return openSlots(this.#state.pools[pool]?.limit ?? NO_LIMIT, active)
  }

  #due(queue: number, { scheduledBefore }: Ask): State['runs'] {
    return this.#state.runs
      .filter((run) => run.queue === queue && this.#isMember(run) && run.type === 'SCHEDULED')
      .filter(({ start }) => scheduledBefore === undefined || (start !== null && start <= 0))
      .toSorted((a, b) => (a.start ?? NO_LIMIT) - (b.start ?? NO_LIMIT) || (a.id < b.id ? -1 : 1))
  }

  claimOfQueue(queue: number, ask: Ask): string[] {
    const { isPaused = true, pool = 0 } = this.queues[queue] ?? {}
    if (isPaused || this.#state.pools[pool]?.isPaused !== false) return []
    const allowed = Math.min(ask.limit ?? NO_LIMIT, this.openSlotsOfQueue(queue), this.openSlotsOfPool(pool))
    return this.#take(this.#due(queue, ask).slice(0, allowed))
  }

  claimOfPools(ask: Ask): string[] {
    const places = this.#state.pools.map((pool, n) => (pool.isPaused ? 0 : this.openSlotsOfPool(n)))
    const found: State['runs'] = []
    // Queues were made in the order of their priorities.
    for (const [n, { pool, isPaused }] of this.queues.entries()) {
      if (isPaused) continue
      const allowed = Math.min(places[pool] ?? 0, this.openSlotsOfQueue(n))
      const taken = this.#due(n, ask)
        .filter((run) => !run.byName)
        .slice(0, allowed)
      places[pool] = (places[pool] ?? 0) - taken.length
      found.push(...taken)
    }
    return this.#take(found.slice(0, ask.limit ?? NO_LIMIT))
  }

  #take(runs: State['runs']): string[] {
    for (const run of runs) run.type = 'PENDING'
    return runs.map(({ id }) => id)
  }

  async insert({ database, make }: Contract): Promise<void> {
    for (const table of ['flow_run_state', 'flow_run', 'work_queue', 'work_pool'] as const) {
      await sql`delete from ${sql.table(table)}`.execute(database.plain)
    }
    const { pools, runs } = this.#state
    await make.rows(
      'work_pool',
      pools.map(({ id, isPaused, limit }, n) => {
        return {
          id,
          name: n === 0 ? 'default-agent-pool' : id,
          type: 'process',
          is_paused: isPaused,
          concurrency_limit: limit,
        }
      }),
    )
    await make.rows(
      'work_queue',
      this.queues.map(({ id, pool, name, isPaused, limit }, n) => {
        const work_pool_id = pools[pool]?.id ?? ''
        return { id, name, work_pool_id, priority: n + 1, is_paused: isPaused, concurrency_limit: limit }
      }),
    )
    if (runs.length === 0) return
    await make.runs(
      runs.map(({ id, queue, byName, type, start }) => ({
        id,
        state_type: type,
        work_queue_id: byName ? null : (this.queues[queue]?.id ?? null),
        work_queue_name: this.queues[queue]?.name ?? null,
        next_scheduled_start_time: start === null ? null : new Date(NOW + start),
      })),
    )
  }

  /** Whether polls of pools see the slots as claims do: they do not count CANCELLING runs, nor runs by name. */
  get isSeenAlikeByPolls(): boolean {
    return this.#state.runs.every((run) => run.type !== 'CANCELLING' && !(run.byName && this.#isActive(run)))
  }
}

/** Fixed, so that every run of the suite looks at the same cases. */
const settings = { seed: 20_261_124, numRuns: 60 }

describeOnDatabases(
  'claims of random states',
  (t) => {
    const ofQueue = async (queue: { id: string } | undefined, ask: Ask): Promise<string[]> =>
      (
        await claimRunsInWorkQueue(t.db, queue?.id ?? '', { ...ask, now, scheduledBefore: ask.scheduledBefore ?? null })
      ).runs.map((run) => run.id)
    const ofPools = async (ask: Ask): Promise<string[]> =>
      (await claimScheduledFlowRuns(t.db, { ...ask, now, scheduledBefore: ask.scheduledBefore ?? null })).map(
        ({ flowRun }) => flowRun.id,
      )

    test('a queue’s claim takes what its poll returned just before, as far as the pool’s limit and pause allow', async () => {
      const property = fc.asyncProperty(states, index, asks, async (state, chosen, ask) => {
        const model = new Model(structuredClone(state))
        await model.insert(t)
        const n = chosen % model.queues.length
        const pool = model.queues[n]?.pool ?? 0
        const { runs } = await getRunsInWorkQueue(t.db, model.queues[n]?.id ?? '', ask)
        // A poll of a queue does not ask for its pool.
        const polled = runs.map(({ id }) => id).slice(0, state.pools[pool]?.isPaused ? 0 : model.openSlotsOfPool(pool))
        const claimed = await ofQueue(model.queues[n], ask)
        expect(claimed).toEqual(polled)
        expect(claimed).toEqual(model.claimOfQueue(n, ask))
      })
      await fc.assert(property, settings)
    })

    test('a claim over pools takes what the poll would return if it counted slots as claims do', async () => {
      const property = fc.asyncProperty(states, asks, async (state, ask) => {
        const model = new Model(structuredClone(state))
        await model.insert(t)
        const polled = (await getScheduledFlowRuns(t.db, ask)).map(({ flowRun }) => flowRun.id)
        const { isSeenAlikeByPolls } = model
        const claimed = await ofPools(ask)
        expect(claimed).toEqual(model.claimOfPools(ask))
        if (isSeenAlikeByPolls) expect(claimed).toEqual(polled)
      })
      await fc.assert(property, settings)
    })

    test('claims that go on until nothing is left take each run once, never past a limit', async () => {
      const step = fc.record({ byQueue: fc.boolean(), queue: index, limit: fc.integer({ min: 1, max: 3 }) })
      const property = fc.asyncProperty(states, fc.array(step, { minLength: 8 }), async (state, steps) => {
        const model = new Model(structuredClone(state))
        await model.insert(t)
        const taken: string[] = []
        const claim = async (byQueue: boolean, n: number, limit: number | undefined): Promise<void> => {
          const ask: Ask = { limit, scheduledBefore: undefined }
          const claimed = byQueue ? await ofQueue(model.queues[n], ask) : await ofPools(ask)
          expect(claimed).toEqual(byQueue ? model.claimOfQueue(n, ask) : model.claimOfPools(ask))
          taken.push(...claimed)
        }
        for (const { byQueue, queue, limit } of steps) await claim(byQueue, queue % model.queues.length, limit)
        await claim(false, 0, undefined)
        for (const n of model.queues.keys()) await claim(true, n, undefined)
        expect(new Set(taken).size).toBe(taken.length)
        expect(await ofPools({ limit: undefined, scheduledBefore: undefined })).toEqual([])
      })
      await fc.assert(property, { ...settings, numRuns: 30 })
    })
  },
  [sqliteMemory, postgres],
)
