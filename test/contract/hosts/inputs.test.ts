import { inspect } from 'node:util'
import { addSeconds } from 'date-fns'
import {
  countFlowRuns,
  createFlowRuns,
  createWorkQueue,
  InvalidInputError,
  recordWorkerHeartbeat,
  updateWorkPool,
  updateWorkQueue,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { allRows, testId } from '../../support/factory.js'
import { eventRefusals } from './inputs/event-side.js'
import { poolSideRefusals } from './inputs/pool-side.js'
import { poolAndRunRefusals } from './inputs/pools-and-runs.js'
import type { Ids } from './inputs/refusals.js'
import { statsRefusals } from './inputs/stats-options.js'
import { workQueueRefusals } from './inputs/queue-side.js'

const now = new Date('2035-01-01T12:00:00Z')
const old = addSeconds(now, -600)

// The checks are the same on every database, so one of each dialect will do.
describeOnDatabases(
  'what is refused',
  (t) => {
    /** Rows that a refused input would change, if it were not refused. */
    const makeRows = async (): Promise<Ids> => {
      const pool = await t.make.pool({ name: 'default-agent-pool', status: 'READY' })
      const queue = await t.make.queue({
        name: 'etl',
        priority: 2,
        work_pool_id: pool,
        status: 'READY',
        last_polled: old,
      })
      await t.make.worker({ work_pool_id: pool, name: 'w', last_heartbeat_time: old })
      await t.make.pool({ status: 'READY' })
      return { pool, queue, run: await t.make.run({ work_queue_id: queue, next_scheduled_start_time: old }) }
    }

    /** The paths that a call was refused for, or what it did instead. */
    const outcome = async (call: () => Promise<unknown>): Promise<unknown> => {
      try {
        return { accepted: await call() }
      } catch (error) {
        if (!(error instanceof InvalidInputError)) return error
        expect(error.code).toBe('INVALID_INPUT')
        for (const { message } of error.issues) expect(message).not.toBe('')
        return error.issues.map(({ path }) => path)
      }
    }
    const isAt = (path: unknown, expected: string): boolean =>
      path === expected || (typeof path === 'string' && expected !== '' && path.startsWith(`${expected}.`))

    test.each(
      Object.entries({
        ...workQueueRefusals,
        ...poolAndRunRefusals,
        ...poolSideRefusals,
        ...statsRefusals,
        ...eventRefusals,
      }),
    )('%s refuses what is not valid, names it, and asks nothing of the database', async (_, refusals) => {
      const ids = await makeRows()
      const before = await allRows(t.database)
      const wrong: object[] = []
      for (const [path, [values, call]] of Object.entries(refusals)) {
        const expected = path.replace('{queue}', ids.queue)
        for (const value of values) {
          t.database.statements.length = 0
          const got = await outcome(() => call(t.db, value as never, ids))
          const isRefused = Array.isArray(got) && got.length > 0 && got.every((at) => isAt(at, expected))
          const statements = [...t.database.statements]
          const spelled = inspect(value, { maxStringLength: 40 })
          if (!isRefused || statements.length > 0) wrong.push({ expected, value: spelled, got, statements })
        }
      }
      expect(wrong).toEqual([])
      expect(await allRows(t.database)).toEqual(before)
    })

    test('every problem is named, not only the first', async () => {
      const input = { name: 'a/b', priority: 0, concurrencyLimit: -1, filter: { tags: [1], more: 2 }, extra: true }
      const got = await outcome(() => createWorkQueue(t.db, input as never))
      const expected = ['name', 'priority', 'concurrencyLimit', 'filter.tags.0', 'filter.more', 'extra']
      expect((got as string[]).toSorted()).toEqual(expected.toSorted())
      const patch = { isPaused: 1, concurrencyLimit: -1, baseJobTemplate: [], name: 'new', extra: true }
      const paths = await outcome(() => updateWorkPool(t.db, testId(1), patch as never))
      expect((paths as string[]).toSorted()).toEqual(Object.keys(patch).toSorted())
    })

    test('at most a hundred problems are listed, and the rest is counted', async () => {
      const rejected = async (call: Promise<unknown>): Promise<InvalidInputError> => {
        const error: unknown = await call.then(
          () => 'taken',
          (error: unknown) => error,
        )
        if (!(error instanceof InvalidInputError)) throw new Error(`not refused, but ${String(error)}`)
        expect(error.issues).toHaveLength(101)
        expect(error.message.length).toBeLessThan(100_000)
        return error
      }
      const many = Array.from({ length: 20_000 }, () => ({ workQueueId: 'x', tags: [1, 2, 3] }))
      const byInputs = await rejected(createFlowRuns(t.db, many as never))
      expect(byInputs.issues.slice(0, 5).map(({ path }) => path)).toEqual(
        '0.workQueueId 0.tags.0 0.tags.1 0.tags.2 1.workQueueId'.split(' '),
      )
      expect(byInputs.issues[100]).toEqual({ path: '', message: 'and 79900 more' })

      const parameters = { list: Array.from({ length: 100_000 }) }
      const byJson = await rejected(createFlowRuns(t.db, [{ parameters }, { parameters, context: parameters }]))
      expect(byJson.issues[99]?.path).toBe('0.parameters.list.99')
      expect(byJson.issues[100]?.message).toBe('and 299900 more')

      const unknown = Object.fromEntries(many.map((_, n) => [`key ${'x'.repeat(1000)} ${n}`, n]))
      const byKeys = await rejected(createFlowRuns(t.db, [unknown]))
      expect(byKeys.issues[100]?.message).toBe('and 19900 more')

      const existing = await createFlowRuns(
        t.db,
        many.slice(0, 150).map(() => ({})),
      )
      const byId = await rejected(
        createFlowRuns(
          t.db,
          existing.map(({ id }) => ({ id })),
        ),
      )
      expect(byId.issues[100]?.message).toBe('and 50 more')
      expect(await countFlowRuns(t.db)).toBe(150)
    })

    test('an idempotency key without its flow, in which it is unique, is refused', async () => {
      const keyed = { idempotencyKey: 'k' }
      const got = await outcome(() => createFlowRuns(t.db, [{ ...keyed, flowId: testId(1) }, keyed, {}]))
      expect(got).toEqual(['1.idempotencyKey'])
      expect(t.database.statements).toEqual([])
      await createFlowRuns(t.db, [{ idempotencyKey: null }, { idempotencyKey: undefined }])
    })

    test('an input that is refused inside a transaction leaves it as it was', async () => {
      const { pool, queue } = await makeRows()
      await t.db.transaction().execute(async (trx) => {
        await createWorkQueue(trx, { name: 'before' })
        expect(await outcome(() => updateWorkQueue(trx, queue, { priority: 0 }))).toEqual(['priority'])
        expect(await outcome(() => updateWorkQueue(trx, testId(1), { name: '' }))).toEqual(['name'])
        await createWorkQueue(trx, { name: 'after' })
        await recordWorkerHeartbeat(trx, pool, 'before', { now })
        expect(await outcome(() => recordWorkerHeartbeat(trx, pool, 'a/b'))).toEqual(['name'])
        expect(await outcome(() => updateWorkPool(trx, pool, { concurrencyLimit: 2 ** 31 }))).toEqual([
          'concurrencyLimit',
        ])
        await recordWorkerHeartbeat(trx, pool, 'after', { now })
      })
      const { plain } = t.database
      const queues = await plain.selectFrom('work_queue').select('name').orderBy('name').execute()
      expect(queues.map(({ name }) => name).filter((name) => name !== 'default')).toEqual(['after', 'before', 'etl'])
      const workers = await plain.selectFrom('worker').select('name').orderBy('name').execute()
      expect(workers.map(({ name }) => name)).toEqual(['after', 'before', 'w'])
    })
  },
  [sqliteMemory, postgres],
)
