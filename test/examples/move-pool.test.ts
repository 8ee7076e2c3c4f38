import { Kysely, PostgresDialect, sql } from 'kysely'
import {
  claimRunsInWorkQueue,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  recordWorkerHeartbeat,
  setFlowRunState,
  updateWorkPool,
  type WorkPool,
  type WorkQueueTables,
} from 'kysely-work-queues'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { movePool } from '../../examples/many-databases/move-pool.js'
import { intercepted } from '../concurrency/intercepted-dialect.js'
import { untilWaiting } from '../concurrency/until-waiting.js'
import { postgres, type TestDatabase } from '../support/databases.js'
import { urlOf } from '../support/database-url.js'
import { allRows } from '../support/factory.js'

// Two databases of one server are two servers to the move.

interface Worlds extends AsyncDisposable {
  readonly from: TestDatabase
  readonly to: TestDatabase
  readonly moved: WorkPool
}

/** A pool to move, with a history and a host's own column, and another that stays; on the other server, a third. */
async function makeWorlds(runs = 3): Promise<Worlds> {
  const [from, to] = [await postgres.create(), await postgres.create()]
  for (const { plain } of [from, to])
    await sql`alter table flow_run add column if not exists customer text`.execute(plain)
  await makePool(from, 'stays', 2)
  await makePool(to, 'was there', 2)
  const moved = await makePool(from, 'moves', runs)
  await sql`update flow_run set customer = 'Ada ' || name`.execute(from.plain)
  await recordWorkerHeartbeat(from.db, moved.id, 'worker')
  await updateWorkPool(from.db, moved.id, { isPaused: true })
  return {
    from,
    to,
    moved,
    async [Symbol.asyncDispose]() {
      await from.destroy()
      await to.destroy()
    },
  }
}

async function makePool({ db }: TestDatabase, name: string, runs: number): Promise<WorkPool> {
  const pool = await createWorkPool(db, { name, concurrencyLimit: 5 })
  const queue = await createWorkQueue(db, { name: `${name} queue`, workPoolId: pool.id, priority: 1 })
  const made = await createFlowRuns(
    db,
    Array.from({ length: runs }, (_, n) => ({ name: `${name} ${n}`, workQueueId: queue.id, tags: [name, 'x'] })),
  )
  if (made[0] !== undefined) await setFlowRunState(db, made[0].id, { type: 'COMPLETED', message: 'done' })
  return pool
}

const server = ({ db }: Pick<TestDatabase, 'db'>, name: string) => ({ name, db })

/** What both databases hold together, by table. */
async function together(...databases: TestDatabase[]): Promise<Record<string, object[]>> {
  const all: Record<string, object[]> = {}
  for (const database of databases) {
    for (const [table, rows] of Object.entries(await allRows(database))) all[table] = [...(all[table] ?? []), ...rows]
  }
  for (const rows of Object.values(all)) rows.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  return all
}

async function poolsOf({ plain }: TestDatabase): Promise<string[]> {
  return (await plain.selectFrom('work_pool').select('name').orderBy('name').execute()).map(({ name }) => name)
}

describe('a pool that is moved to another server', () => {
  test('is there with all that it had, and nothing else is changed', async () => {
    await using worlds = await makeWorlds(2_100)
    const { from, to } = worlds
    const before = await together(from, to)
    await movePool(server(from, 'from'), server(to, 'to'), 'moves')
    expect(await poolsOf(from)).toEqual(['stays'])
    expect(await poolsOf(to)).toEqual(['moves', 'was there'])
    expect(await together(from, to)).toEqual(before)
    // Once more: it is there already.
    await movePool(server(from, 'from'), server(to, 'to'), 'moves')
    expect(await together(from, to)).toEqual(before)
    await expect(movePool(server(from, 'from'), server(to, 'to'), 'none')).rejects.toThrow('there is no pool none')
  })

  test('is moved whole when it is moved again, wherever the first try broke off, and runs nowhere meanwhile', async () => {
    let brokenOff = 0
    for (const side of ['from', 'to'] as const) {
      for (const isDone of [false, true]) {
        for (let n = 0; ; n++) {
          await using worlds = await makeWorlds()
          const before = await together(worlds.from, worlds.to)
          await using failing = await failingAt(worlds[side], n, isDone)
          const servers = { from: server(worlds.from, 'from'), to: server(worlds.to, 'to'), [side]: failing }
          const error: unknown = await movePool(servers.from, servers.to, 'moves').then(
            () => undefined,
            (thrown: unknown) => thrown,
          )
          if (error === undefined) break
          brokenOff++
          expect(error).toMatchObject({ message: 'connection lost' })
          const handedOut = await Promise.all(
            [worlds.from, worlds.to].map(async ({ db }) => {
              const found = await sql<{ id: string }>`
                select id from work_queue where work_pool_id = ${worlds.moved.id}`.execute(db)
              return await Promise.all(
                found.rows.map(async ({ id }) => (await claimRunsInWorkQueue(db, id, { scheduledBefore: null })).runs),
              )
            }),
          )
          expect(handedOut.flat(2)).toEqual([])
          await movePool(server(worlds.from, 'from'), server(worlds.to, 'to'), 'moves')
          expect(await poolsOf(worlds.to)).toEqual(['moves', 'was there'])
          expect(await together(worlds.from, worlds.to)).toEqual(before)
        }
      }
    }
    expect(brokenOff).toBeGreaterThan(30)
  }, 240_000)

  test('has to be paused, and without active runs', async () => {
    await using worlds = await makeWorlds()
    const { from, to } = worlds
    const before = await together(from, to)
    const move = async (): Promise<void> => await movePool(server(from, 'from'), server(to, 'to'), 'stays')
    await expect(move()).rejects.toThrow('the pool stays is not paused')
    expect(await together(from, to)).toEqual(before)
    const { id } = await from.plain
      .selectFrom('work_queue')
      .select('id')
      .where('name', '=', 'stays queue')
      .executeTakeFirstOrThrow()
    const [claimed] = (await claimRunsInWorkQueue(from.db, id)).runs
    const pool = await from.plain
      .selectFrom('work_pool')
      .select('id')
      .where('name', '=', 'stays')
      .executeTakeFirstOrThrow()
    await updateWorkPool(from.db, pool.id, { isPaused: true })
    await expect(move()).rejects.toThrow('the pool stays has 1 active runs')
    await setFlowRunState(from.db, claimed?.id ?? '', { type: 'COMPLETED' })
    await move()
    expect(await poolsOf(to)).toEqual(['stays', 'was there'])
  })

  test('waits for a claim that is under way when the pool is paused, and then refuses', async () => {
    await using worlds = await makeWorlds()
    const { from, to, moved } = worlds
    await updateWorkPool(from.db, moved.id, { isPaused: false })
    // No limit: a claim that a pause does not wait for.
    await updateWorkPool(from.db, moved.id, { concurrencyLimit: null })
    const { id } = await from.plain
      .selectFrom('work_queue')
      .select('id')
      .where('name', '=', 'moves queue')
      .executeTakeFirstOrThrow()
    const claim = await from.db.startTransaction().execute()
    expect((await claimRunsInWorkQueue(claim, id)).runs).toHaveLength(2)
    await updateWorkPool(from.db, moved.id, { isPaused: true })
    const moving = movePool(server(from, 'from'), server(to, 'to'), 'moves').catch((error: unknown) => error)
    await untilWaiting(from.plain, 1)
    await claim.commit().execute()
    expect(await moving).toMatchObject({ message: 'the pool moves has 2 active runs' })
    expect(await poolsOf(to)).toEqual(['was there'])
  })
})

/** A server whose n-th statement fails: before it is done, or done and its answer lost. */
async function failingAt(
  database: TestDatabase,
  n: number,
  isDone: boolean,
): Promise<AsyncDisposable & { readonly name: string; readonly db: Kysely<WorkQueueTables> }> {
  const pool = new pg.Pool({ connectionString: await urlOf(database) })
  let count = 0
  const db = new Kysely<WorkQueueTables>({
    dialect: intercepted(new PostgresDialect({ pool }), async (statement, run) => {
      if (statement === 'rollback' || count++ !== n) return await run()
      if (isDone) await run()
      throw new Error('connection lost')
    }),
  })
  return { name: 'failing', db, [Symbol.asyncDispose]: async () => await db.destroy() }
}
