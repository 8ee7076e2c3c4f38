import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import {
  countFlowRuns,
  countWorkPools,
  createWorkPool,
  createWorkQueue,
  ensureWorkPoolExists,
  ensureWorkQueueExists,
  readWorkPools,
  readWorkQueues,
  type WorkQueue,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, sqliteFile } from '../support/databases.js'
import { type Contract, describeOnDatabases } from '../support/describe-databases.js'

const fifty = Array.from({ length: 50 }, (_, n) => n)

/** What a call ended in: its value, or the name of its error. */
const outcomes = async <T>(calls: readonly Promise<T>[]): Promise<(T | string)[]> =>
  (await Promise.allSettled(calls)).map((result) =>
    result.status === 'fulfilled' ? result.value : result.reason instanceof Error ? result.reason.name : 'no error',
  )

/** One pool; in it the named queues and `default`, each once, with the priorities from 1 on. */
async function expectOnePool(t: Pick<Contract, 'db'>, names: readonly string[]): Promise<WorkQueue[]> {
  expect(await readWorkPools(t.db)).toMatchObject([{ name: 'default-agent-pool' }])
  const queues = await readWorkQueues(t.db, { orderBy: 'priority' })
  expect(queues.map(({ name }) => name).toSorted()).toEqual(['default', ...new Set(names)].toSorted())
  expect(queues.map(({ priority }) => priority)).toEqual(queues.map((_, n) => n + 1))
  return queues
}

describeOnDatabases(
  'fifty calls at once, with no default pool yet, from two servers',
  (t) => {
    /** Calls a function fifty times at once, on two pools of connections in turn. */
    const atOnce = async <T>(call: (db: Contract['db'], n: number) => Promise<T>): Promise<(T | string)[]> => {
      const other = t.database.connect()
      return await outcomes(fifty.map((n) => call(n % 2 === 0 ? t.db : other, n)))
    }

    test('createWorkQueue of fifty names', async () => {
      const created = await atOnce((db, n) => createWorkQueue(db, { name: `q${n}` }))
      const queues = await expectOnePool(
        t,
        fifty.map((n) => `q${n}`),
      )
      expect(queues).toEqual(expect.arrayContaining(created))
    })

    test('createWorkQueue of fifty names, each with priority 1', async () => {
      const created = await atOnce((db, n) => createWorkQueue(db, { name: `q${n}`, priority: 1 }))
      expect(created.filter((queue) => typeof queue === 'string')).toEqual([])
      const queues = await expectOnePool(
        t,
        fifty.map((n) => `q${n}`),
      )
      expect(queues.at(-1)?.name).toBe('default')
    })

    test('createWorkQueue of one name', async () => {
      const created = await atOnce((db) => createWorkQueue(db, { name: 'etl' }))
      expect(created.filter((queue) => queue === 'WorkQueueExistsError')).toHaveLength(49)
      const queues = await expectOnePool(t, ['etl'])
      expect(created).toEqual(expect.arrayContaining(queues.filter(({ name }) => name === 'etl')))
    })

    test('createWorkQueue of `default`', async () => {
      const created = await atOnce((db) => createWorkQueue(db, { name: 'default' }))
      expect(created.filter((queue) => queue === 'WorkQueueExistsError')).toHaveLength(49)
      expect(created).toEqual(expect.arrayContaining(await expectOnePool(t, [])))
    })

    test('ensureWorkQueueExists of one name', async () => {
      const ensured = await atOnce((db) => ensureWorkQueueExists(db, 'etl'))
      const queues = await expectOnePool(t, ['etl'])
      expect(ensured).toEqual(fifty.map(() => queues[0]))
    })

    test('ensureWorkQueueExists of `default`', async () => {
      const ensured = await atOnce((db) => ensureWorkQueueExists(db, 'default'))
      const [queue] = await expectOnePool(t, [])
      expect(ensured).toEqual(fifty.map(() => queue))
    })

    test('ensureWorkQueueExists of ten names', async () => {
      const ensured = await atOnce((db, n) => ensureWorkQueueExists(db, `q${n % 10}`))
      const queues = await expectOnePool(
        t,
        fifty.map((n) => `q${n % 10}`),
      )
      const ids = new Map(queues.map(({ name, id }) => [name, id]))
      expect(ensured.map((queue) => (typeof queue === 'string' ? queue : queue.id))).toEqual(
        fifty.map((n) => ids.get(`q${n % 10}`)),
      )
    })

    test('createWorkPool of one name', async () => {
      const created = await atOnce((db) => createWorkPool(db, { name: 'default-agent-pool' }))
      expect(created.filter((pool) => pool === 'WorkPoolExistsError')).toHaveLength(49)
      await expectOnePool(t, [])
    })

    test('ensureWorkQueueExists of ten names in one pool', async () => {
      const { id: workPoolId } = await createWorkPool(t.db, { name: 'default-agent-pool' })
      const ensured = await atOnce((db, n) => ensureWorkQueueExists(db, `q${n % 10}`, { workPoolId }))
      const queues = await expectOnePool(
        t,
        fifty.map((n) => `q${n % 10}`),
      )
      const byName = new Map(queues.map((queue) => [queue.name, queue]))
      expect(ensured).toEqual(fifty.map((n) => byName.get(`q${n % 10}`)))
    })

    test('ensureWorkPoolExists of one name', async () => {
      const ensured = await atOnce((db) => ensureWorkPoolExists(db, { name: 'default-agent-pool' }))
      await expectOnePool(t, [])
      const [workPool] = await readWorkPools(t.db)
      const isCreated = (one: (typeof ensured)[number]): boolean => typeof one !== 'string' && one.created
      expect(ensured.filter(isCreated)).toEqual([{ workPool, created: true }])
      expect(ensured.filter((one) => !isCreated(one))).toEqual(fifty.slice(1).map(() => ({ workPool, created: false })))
    })

    test('ensureWorkPoolExists, createWorkPool and ensureWorkQueueExists of the default pool', async () => {
      const name = 'default-agent-pool'
      const results = await atOnce(async (db, n): Promise<unknown> => {
        if (n % 3 === 0) return await ensureWorkPoolExists(db, { name })
        if (n % 3 === 1) return await createWorkPool(db, { name })
        return await ensureWorkQueueExists(db, 'default')
      })
      await expectOnePool(t, [])
      const created = results.filter((result) => typeof result === 'object' && result !== null && 'name' in result)
      expect(results.filter((result) => typeof result === 'string' && result !== 'WorkPoolExistsError')).toEqual([])
      expect(created.length).toBeGreaterThan(0)
    })

    test('createWorkQueue, ensureWorkQueueExists and createWorkPool, mixed', async () => {
      const results = await atOnce(async (db, n): Promise<unknown> => {
        if (n % 5 === 0) return await ensureWorkQueueExists(db, 'default')
        if (n % 5 === 1) return await createWorkQueue(db, { name: `created ${n}` })
        if (n % 5 === 2) return await ensureWorkQueueExists(db, `ensured ${n % 2}`)
        if (n % 5 === 3) return await createWorkQueue(db, { name: `first ${n}`, priority: 1 })
        return await createWorkPool(db, { name: `pool ${n}` })
      })
      expect(results.filter((result) => typeof result === 'string')).toEqual([])
      expect(await countWorkPools(t.db)).toBe(11)
      const [pool] = await readWorkPools(t.db, { filter: { name: { any: ['default-agent-pool'] } } })
      const queues = await readWorkQueues(t.db, { workPoolId: pool?.id, orderBy: 'priority' })
      expect(queues).toHaveLength(1 + 10 + 2 + 10)
      expect(queues.map(({ priority }) => priority)).toEqual(queues.map((_, n) => n + 1))
    })
  },
  [postgres],
)

describeOnDatabases(
  'several servers at once',
  (t) => {
    test('keep names and priorities apart', async () => {
      const { rows } = await sql<{ file: string }>`select file from pragma_database_list`.execute(t.db)
      const script = fileURLToPath(new URL('fifty-at-once/sqlite-server.ts', import.meta.url))
      const servers = ['0', '1', '2'].map((server) =>
        fork(script, [rows[0]?.file ?? '', server], { execArgv: ['--import', 'tsx'] }),
      )
      const errors = await Promise.all(servers.map(async (server) => (await once(server, 'message'))[0] as string[]))
      // Of each contended name one server got the queue, and the others the error.
      expect(errors.flat()).toEqual(Array.from({ length: 20 }, () => 'WorkQueueExistsError'))
      const ten = fifty.slice(0, 10)
      const queues = await expectOnePool(t, [
        'shared',
        ...ten.flatMap((n) => [`ensured ${n}`, `contended ${n}`]),
        ...ten.flatMap((n) => [0, 1, 2].flatMap((server) => [`created ${server} ${n}`, `first ${server} ${n}`])),
      ])
      expect(queues.find(({ name }) => name === 'shared')).toMatchObject({ status: 'READY' })
      expect(await countFlowRuns(t.db, { filter: { stateType: { any: ['RUNNING'] } } })).toBe(30)
    })
  },
  [sqliteFile],
)
