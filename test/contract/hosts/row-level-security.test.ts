import { sql } from 'kysely'
import { claimRunsInWorkQueue, ensureWorkQueueExists, readFlowRun } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, withEventLog } from '../../support/databases.js'
import { type Contract, describeOnDatabases } from '../../support/describe-databases.js'
import { createRole, type Role, TABLES } from './role.js'

// What docs/production.md says about row-level security, tried with a policy that shows each tenant its own runs.

describeOnDatabases(
  'under row-level security',
  (t) => {
    test('a limit counts the runs that the role sees, so that two tenants share a limit of one', async () => {
      await using role = await createTenants(t)
      const { queue, a, b } = await makeSharedQueue(t)
      expect(await claim(role, 'a', queue)).toEqual([a])
      expect(await claim(role, 'b', queue)).toEqual([b])
    })

    test('a limit holds for a role that bypasses it', async () => {
      await using role = await createTenants(t)
      await sql`alter role ${role.name} bypassrls`.execute(t.database.plain)
      const { queue, a } = await makeSharedQueue(t)
      expect(await claim(role, 'a', queue)).toEqual([a])
      expect(await claim(role, 'b', queue)).toEqual([])
    })

    test("a hidden row is not there, and one that would be hidden is refused with the driver's error", async () => {
      await using role = await createTenants(t)
      const { a } = await makeSharedQueue(t)
      expect(await role.as((db) => readFlowRun(db, a), { 'app.tenant': 'b' })).toBeUndefined()
      await sql`create policy none on work_pool for select using (false)`.execute(t.database.plain)
      await sql`alter table work_pool enable row level security`.execute(t.database.plain)
      const refused = role.as((db) => ensureWorkQueueExists(db, 'new'), { 'app.tenant': 'a' })
      await expect(refused).rejects.toMatchObject({ code: '42501' })
    })
  },
  [withEventLog(postgres)],
)

/** A role with every grant, and a policy by which a run is its tenant's whose name it begins with. */
async function createTenants(t: Contract): Promise<Role> {
  const db = t.database.plain
  const role = await createRole(db)
  await role.grant(
    TABLES.flatMap((table) => ['select', 'insert', 'update', 'delete'].map((privilege) => ({ table, privilege }))),
  )
  await sql`create policy tenant on flow_run using (starts_with(name, current_setting('app.tenant')))`.execute(db)
  await sql`alter table flow_run enable row level security`.execute(db)
  return {
    ...role,
    async [Symbol.asyncDispose]() {
      for (const table of ['flow_run', 'work_pool']) {
        await sql`alter table ${sql.table(table)} disable row level security`.execute(db)
      }
      await sql`drop policy tenant on flow_run`.execute(db)
      await sql`drop policy if exists none on work_pool`.execute(db)
      await role[Symbol.asyncDispose]()
    },
  }
}

/** A queue with one slot, and a due run of each tenant. */
async function makeSharedQueue({ make }: Contract): Promise<{ queue: string; a: string; b: string }> {
  const queue = await make.queue({ concurrency_limit: 1 })
  const due = { work_queue_id: queue, next_scheduled_start_time: new Date('2020-01-01T00:00:00Z') }
  return { queue, a: await make.run({ ...due, name: 'a-1' }), b: await make.run({ ...due, name: 'b-1' }) }
}

/** The ids of the runs that a tenant gets. */
async function claim(role: Role, tenant: string, queue: string): Promise<string[]> {
  const { runs } = await role.as((db) => claimRunsInWorkQueue(db, queue, { scheduledBefore: null }), {
    'app.tenant': tenant,
  })
  return runs.map(({ id }) => id)
}
