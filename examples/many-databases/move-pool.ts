import { type Kysely, type RawBuilder, sql } from 'kysely'
import { countWorkPoolActiveSlots, readWorkPoolByName, type WorkQueueTables } from 'kysely-work-queues'
import type { Server } from './claim-over-servers.js'

type Session = Kysely<WorkQueueTables>

/** How many rows are under way at once. */
const PAGE = 1_000

/** Which rows are a pool's, each table after those that it refers to. */
const ROWS: readonly { readonly table: string; readonly areOf: (pool: string) => RawBuilder<unknown> }[] = [
  { table: 'work_pool', areOf: (pool) => sql`id = ${pool}` },
  { table: 'work_queue', areOf: (pool) => sql`work_pool_id = ${pool}` },
  { table: 'worker', areOf: (pool) => sql`work_pool_id = ${pool}` },
  { table: 'flow_run', areOf: (pool) => isOfPool(pool) },
  { table: 'flow_run_state', areOf: (pool) => sql`flow_run_id in (select id from flow_run where ${isOfPool(pool)})` },
]

function isOfPool(pool: string): RawBuilder<unknown> {
  return sql`work_queue_id in (select id from work_queue where work_pool_id = ${pool})`
}

/**
 * Moves a work pool from one PostgreSQL server to another, with its queues, workers, runs and their history. The pool has to be paused and
 * without active runs, and is still paused when it has arrived.
 *
 * Two servers have no commit in common: first the copy is committed, then the original is gone. Whatever happens in between, nobody hands
 * out its runs, for both are paused; moved again, what was left of the first try is replaced.
 *
 * @throws when the pool is on neither server, is not paused, or has active runs.
 */
export async function movePool(from: Server, to: Server, name: string): Promise<void> {
  const pool = await readWorkPoolByName(from.db, name)
  if (pool === undefined) {
    if ((await readWorkPoolByName(to.db, name)) === undefined) throw new Error(`there is no pool ${name}`)
    return
  }
  const { id } = pool
  await from.db.transaction().execute(async (trx) => {
    // In the library's order of locks. Claims that are under way are waited for; new ones, and new runs, wait, and find the pool gone.
    const { rows } = await sql<{ isPaused: boolean }>`
      select is_paused as "isPaused" from work_pool where id = ${id} for update`.execute(trx)
    await sql`select id from work_queue where work_pool_id = ${id} order by id for update`.execute(trx)
    await sql`select id from flow_run where ${isOfPool(id)} order by id for update`.execute(trx)
    if (rows[0]?.isPaused !== true) throw new Error(`the pool ${name} is not paused`)
    const active = (await countWorkPoolActiveSlots(trx, [id], { by: 'claim' })).get(id) ?? 0
    if (active > 0) throw new Error(`the pool ${name} has ${active} active runs`)
    await to.db.transaction().execute(async (copy) => {
      await remove(copy, id)
      for (const { table, areOf } of ROWS) await copyRows(trx, copy, table, areOf(id))
      await sql`update work_pool set default_queue_id = ${pool.defaultQueueId} where id = ${id}`.execute(copy)
    })
    await remove(trx, id)
  })
}

/** Copies rows as they are, the host's own columns too, but for the default queue, which comes after its pool. */
async function copyRows(from: Session, to: Session, table: string, condition: RawBuilder<unknown>): Promise<void> {
  let last = '00000000-0000-0000-0000-000000000000'
  for (;;) {
    const { rows } = await sql<{ id: string; row: string }>`
      select cast(id as text) as id, cast(to_jsonb(given) - 'default_queue_id' as text) as row
      from ${sql.table(table)} as given
      where ${condition} and id > ${last}
      order by id limit ${PAGE}`.execute(from)
    const page = `[${rows.map(({ row }) => row).join()}]`
    await sql`
      insert into ${sql.table(table)}
      select * from json_populate_recordset(cast(null as ${sql.table(table)}), cast(${page} as json))`.execute(to)
    if (rows.length < PAGE) return
    last = rows.at(-1)?.id ?? last
  }
}

/** Removes a pool with its runs: its delete alone would leave them, without a queue. */
async function remove(db: Session, pool: string): Promise<void> {
  await sql`delete from flow_run where ${isOfPool(pool)}`.execute(db)
  await sql`update work_pool set default_queue_id = null where id = ${pool}`.execute(db)
  await sql`delete from work_pool where id = ${pool}`.execute(db)
}
