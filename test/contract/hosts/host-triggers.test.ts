import { type Kysely, sql } from 'kysely'
import {
  claimRunsInWorkQueue,
  createFlowRuns,
  createWorkQueue,
  readFlowRun,
  readWorkQueues,
  setFlowRunState,
  updateWorkQueue,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { allRows, testId } from '../../support/factory.js'
import { prefectDatabases } from '../../support/prefect-databases.js'

// What docs/your-tables.md says of a host's own columns and triggers on our tables.

describeOnDatabases(
  'columns and triggers of a host',
  (t) => {
    const isPostgres = (): boolean => t.kind.dialect === 'postgres'
    const run = (statement: string): Promise<unknown> => sql.raw(statement).execute(t.database.plain)
    /** A trigger on runs: for PostgreSQL with the body of its function, for SQLite its own. */
    const trigger = async (when: string, onPostgres: string, onSqlite: string): Promise<void> => {
      if (!isPostgres()) return void (await run(`create trigger host_trigger ${when} begin ${onSqlite}; end`))
      await run(`create function host_trigger() returns trigger language plpgsql as
        $$ begin ${onPostgres}; return new; end $$`)
      await run(`create trigger host_trigger ${when} execute function host_trigger()`)
    }
    const flowId = testId(7)
    const rowOf = async (id: string): Promise<Record<string, unknown>> => {
      const { rows } = await sql<Record<string, unknown>>`
        select tenant, cast(seen as text) as seen from flow_run where id = ${id}`.execute(t.database.plain)
      return rows[0] ?? {}
    }

    test('are filled in by defaults and by what fills rows in, in rows that functions make and change', async () => {
      await run("alter table flow_run add column tenant varchar default 'none' not null")
      await run('alter table flow_run add column seen integer default 0 not null')
      if (isPostgres()) {
        await trigger('before update on flow_run for each row', 'new.seen = old.seen + 1', '')
      } else {
        await trigger(
          'after update of state_id on flow_run for each row',
          '',
          'update flow_run set seen = seen + 1 where id = new.id',
        )
      }
      const queue = await createWorkQueue(t.db, { name: 'etl' })
      const [created] = await createFlowRuns(t.db, [{ workQueueId: queue.id, flowId }])
      const id = created?.id ?? ''
      const { seen: before } = await rowOf(id)
      const { runs } = await claimRunsInWorkQueue(t.db, queue.id)
      expect(runs.map((each) => each.id)).toEqual([id])
      await setFlowRunState(t.db, id, { type: 'RUNNING' })
      const { tenant, seen } = await rowOf(id)
      expect([tenant, Number(seen)]).toEqual(['none', Number(before) + 2])
      // A function returns what it has written, and what is there.
      expect(await readFlowRun(t.db, id)).toMatchObject({ stateType: 'RUNNING', runCount: 1 })
    })

    test('see each change in its transaction, and undo it where they refuse it', async () => {
      await run('create table history (flow_run_id char(36), state varchar)')
      await trigger(
        'after update of state_type on flow_run for each row',
        "insert into history values (new.id, new.state_type); if new.state_type = 'PAUSED' then raise 'not here'; end if",
        `insert into history values (new.id, new.state_type);
         select raise(abort, 'not here') where new.state_type = 'PAUSED'`,
      )
      const queue = await createWorkQueue(t.db, { name: 'etl' })
      const [created] = await createFlowRuns(t.db, [{ workQueueId: queue.id, flowId }])
      const id = created?.id ?? ''
      await claimRunsInWorkQueue(t.db, queue.id)
      const before = await allRows(t.database)
      await expect(setFlowRunState(t.db, id, { type: 'PAUSED' })).rejects.toThrow('not here')
      expect(await allRows(t.database)).toEqual(before)
      await setFlowRunState(t.db, id, { type: 'RUNNING' })
      const seen = await (t.database.plain as Kysely<any>).selectFrom('history').select('state').execute()
      expect(seen.map(({ state }) => state)).toEqual(['PENDING', 'RUNNING'])
    })

    test('may change what is written, which the returned record has on PostgreSQL, and a read on both', async () => {
      const queue = await createWorkQueue(t.db, { name: 'etl' })
      if (isPostgres()) {
        await run(`create function host_trigger() returns trigger language plpgsql as
          $$ begin new.description = 'checked'; return new; end $$`)
        await run(
          'create trigger host_trigger before update on work_queue for each row execute function host_trigger()',
        )
      } else {
        await run(`create trigger host_trigger after update of concurrency_limit on work_queue for each row begin
          update work_queue set description = 'checked' where id = new.id; end`)
      }
      await updateWorkQueue(t.db, queue.id, { concurrencyLimit: 5 })
      const [found] = await readWorkQueues(t.db, { filter: { id: { any: [queue.id] } } })
      expect(found).toMatchObject({ concurrencyLimit: 5, description: 'checked' })

      const [created] = await createFlowRuns(t.db, [{ workQueueId: queue.id, flowId }])
      if (isPostgres()) {
        await run(`create function run_trigger() returns trigger language plpgsql as
          $$ begin new.infrastructure_pid = 'host:1'; return new; end $$`)
        await run('create trigger run_trigger before update on flow_run for each row execute function run_trigger()')
      } else {
        await run(`create trigger run_trigger after update of state_id on flow_run for each row begin
          update flow_run set infrastructure_pid = 'host:1' where id = new.id; end`)
      }
      const { infrastructurePid } = await setFlowRunState(t.db, created?.id ?? '', { type: 'RUNNING' })
      expect(infrastructurePid).toBe(isPostgres() ? 'host:1' : null)
      expect(await readFlowRun(t.db, created?.id ?? '')).toMatchObject({ infrastructurePid: 'host:1' })
    })
  },
  [sqliteMemory, postgres, ...prefectDatabases],
)
