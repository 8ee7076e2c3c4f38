import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { inject } from 'vitest'

/** Our tables, each after those that its rows refer to, and the log of what happens to them. */
export const TABLES = [
  'work_pool',
  'work_queue',
  'worker',
  'flow_run',
  'flow_run_state',
  'flow_run_lease',
  'work_queue_event',
] as const

/** A right to do something with a table. */
export interface Grant {
  readonly table: (typeof TABLES)[number]
  readonly privilege: string
}

/** A role of PostgreSQL, which ends with its scope. */
export interface Role extends AsyncDisposable {
  /** As a statement names it. */
  readonly name: RawBuilder<unknown>
  /** Gives it these grants and no others. */
  grant(grants: readonly Grant[]): Promise<void>
  /** Makes a call on a connection that has this role, and these settings. */
  as<T>(call: (db: Kysely<WorkQueueTables>) => Promise<T>, settings?: Record<string, string>): Promise<T>
}

let roles = 0

/** Creates a role that may use the schema `public`, and no table in it. */
export async function createRole(db: Kysely<WorkQueueTables>): Promise<Role> {
  const role = sql.id(`${inject('databasePrefix')}_role_${process.pid}_${++roles}`)
  await sql`create role ${role}`.execute(db)
  await sql`grant usage on schema public to ${role}`.execute(db)
  return {
    name: role,
    async grant(grants) {
      await sql`revoke all on all tables in schema public from ${role}`.execute(db)
      for (const { table, privilege } of grants) {
        await sql`grant ${sql.raw(privilege)} on ${sql.table(table)} to ${role}`.execute(db)
      }
    },
    as: (call, settings = {}) =>
      db.connection().execute(async (connection) => {
        for (const [name, value] of Object.entries(settings)) {
          await sql`select set_config(${name}, ${value}, false)`.execute(connection)
        }
        await sql`set role ${role}`.execute(connection)
        try {
          return await call(connection)
        } finally {
          await sql`reset role`.execute(connection)
        }
      }),
    async [Symbol.asyncDispose]() {
      await sql`drop owned by ${role}`.execute(db)
      await sql`drop role ${role}`.execute(db)
    },
  }
}
