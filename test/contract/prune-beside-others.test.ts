import { addSeconds } from 'date-fns'
import { sql } from 'kysely'
import { pruneFlowRuns, readFlowRuns, retryFlowRun } from 'kysely-work-queues'
import { TERMINAL_STATES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { untilWaiting } from '../concurrency/until-waiting.js'
import { createRole } from './hosts/role.js'
import { postgres, sqliteFile, sqliteMemory } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, type Row, testId } from '../support/factory.js'
import { prefectDatabases } from '../support/prefect-databases.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const ended = (seconds: number, row: Row = {}): Row => ({
  state_type: 'COMPLETED',
  end_time: addSeconds(now, seconds),
  ...row,
})

describeOnDatabases(
  'pruneFlowRuns, where others have locked some of the runs,',
  (t) => {
    test('passes over those, to as many as are asked for', async () => {
      const queue = await t.make.queue()
      const runs = await t.make.runs(
        Array.from({ length: 6 }, (_, n) =>
          ended(n - 9, { work_queue_id: queue, state_type: TERMINAL_STATES[n % 2] ?? '' }),
        ),
      )
      const other = await t.database.connect().startTransaction().execute()
      await other
        .updateTable('flow_run')
        .set({ name: 'kept' })
        .where('id', 'in', [runs[0] ?? '', runs[2] ?? ''])
        .execute()
      expect(await pruneFlowRuns(t.db, { finishedBefore: now, limit: 2 })).toEqual([runs[1], runs[3]])
      expect(await pruneFlowRuns(t.db, { finishedBefore: now, limit: 1, workQueueIds: [queue] })).toEqual([runs[4]])
      await other.commit().execute()
      expect(await pruneFlowRuns(t.db, { finishedBefore: now })).toEqual([runs[0], runs[2], runs[5]])
    })
  },
  [postgres],
)

describeOnDatabases(
  'pruneFlowRuns, between the look at a run and its lock,',
  (t) => {
    test('keeps a run that was retried', async () => {
      const [run, other] = await t.make.runs([ended(-1, { state_type: 'FAILED' }), ended(-2)])
      // A look at a run, by this role, waits for a lock that somebody else holds.
      for (const statement of [
        'alter table flow_run enable row level security',
        'create policy waits on flow_run using (pg_advisory_xact_lock_shared(42) is not null)',
      ]) {
        await sql.raw(statement).execute(t.database.plain)
      }
      await using role = await createRole(t.database.plain)
      await role.grant((['select', 'update', 'delete'] as const).map((privilege) => ({ table: 'flow_run', privilege })))
      const holder = await t.database.connect().startTransaction().execute()
      await sql`select pg_advisory_xact_lock(42)`.execute(holder)
      const pruned = role.as((db) => pruneFlowRuns(db, { finishedBefore: now }))
      await untilWaiting(t.db, 1)
      await retryFlowRun(t.db, run ?? '')
      await holder.commit().execute()
      expect(await pruned).toEqual([other])
      expect(await readFlowRuns(t.db)).toMatchObject([{ id: run, stateType: 'SCHEDULED' }])
    })
  },
  [postgres],
)

describeOnDatabases(
  'pruneFlowRuns, with foreign keys not enforced,',
  (t) => {
    test('leaves nothing of the run behind', async () => {
      await sql`pragma foreign_keys = off`.execute(t.database.plain)
      const [run, other] = await t.make.runs([ended(-1), ended(0)])
      for (const flow_run_id of [run ?? '', other ?? '']) {
        await t.make.state({ flow_run_id, type: 'RUNNING', name: 'Running' })
        await sql`insert into flow_run_lease (flow_run_id, state_id, holder, acquired_at, expires_at)
          values (${flow_run_id}, ${testId(1)}, 'holder', '2035', '2036')`.execute(t.database.plain)
      }
      expect(await pruneFlowRuns(t.db, { finishedBefore: now })).toEqual([run])
      const { flow_run_state, flow_run_lease } = await allRows(t.database)
      expect(flow_run_state).toMatchObject([{ flow_run_id: other }])
      expect(flow_run_lease).toMatchObject([{ flow_run_id: other }])
    })

    test('does without the table of leases', async () => {
      await sql`pragma foreign_keys = off`.execute(t.database.plain)
      await sql`drop table flow_run_lease`.execute(t.database.plain)
      const run = await t.make.run(ended(-1))
      await t.make.state({ flow_run_id: run, type: 'RUNNING', name: 'Running' })
      expect(await pruneFlowRuns(t.db, { finishedBefore: now })).toEqual([run])
      expect((await allRows(t.database))['flow_run_state']).toEqual([])
    })
  },
  [sqliteMemory],
)

describeOnDatabases(
  'pruneFlowRuns, beside rows of the host’s that refer to runs,',
  (t) => {
    const refer = async (onDelete: string): Promise<void> => {
      const id = t.kind.dialect === 'postgres' ? 'uuid' : 'char(36)'
      await sql
        .raw(`create table note (flow_run_id ${id} not null references flow_run (id) on delete ${onDelete})`)
        .execute(t.database.plain)
    }
    const note = async (id: string): Promise<void> => {
      const value = t.kind.dialect === 'postgres' ? sql`cast(${id} as uuid)` : sql`${id}`
      await sql`insert into note (flow_run_id) values (${value})`.execute(t.database.plain)
    }
    test('throws the driver’s error where one restricts, and deletes nothing', async () => {
      await refer('restrict')
      const [, kept] = await t.make.runs([ended(-2), ended(-1)])
      await t.make.state({ flow_run_id: kept ?? '', type: 'RUNNING', name: 'Running' })
      await note(kept ?? '')
      const before = await allRows(t.database)
      const code = t.kind.dialect === 'postgres' ? /^2300[13]$/ : /^SQLITE_CONSTRAINT/
      const error: unknown = await pruneFlowRuns(t.db, { finishedBefore: now }).catch((thrown: unknown) => thrown)
      expect((error as { code: string }).code).toMatch(code)
      expect(await allRows(t.database)).toEqual(before)
      if (t.kind.dialect === 'sqlite') {
        await t.db.transaction().execute(async (trx) => {
          await expect(pruneFlowRuns(trx, { finishedBefore: now })).rejects.toMatchObject({
            code: expect.stringMatching(code),
          })
        })
        expect(await allRows(t.database)).toEqual(before)
      }
    })

    test('deletes with the run what cascades', async () => {
      await refer('cascade')
      const [run, kept] = await t.make.runs([ended(-1), ended(1)])
      await note(run ?? '')
      await note(kept ?? '')
      expect(await pruneFlowRuns(t.db, { finishedBefore: now })).toEqual([run])
      const { rows } = await sql`select * from note`.execute(t.database.plain)
      expect(rows).toEqual([{ flow_run_id: kept }])
    })

    test('a host deletes its own in the same transaction, by the ids', async () => {
      await refer('no action deferrable initially deferred')
      const [run, kept] = await t.make.runs([ended(-1), ended(1)])
      await note(run ?? '')
      await note(kept ?? '')
      await t.db.transaction().execute(async (trx) => {
        const ids = await pruneFlowRuns(trx, { finishedBefore: now })
        await sql`delete from note where flow_run_id in (${sql.join(ids)})`.execute(trx)
      })
      expect(await readFlowRuns(t.db)).toMatchObject([{ id: kept }])
    })
  },
  [sqliteFile, postgres],
)

describeOnDatabases(
  'pruneFlowRuns',
  (t) => {
    test('takes what Prefect’s foreign keys let go with a run, and leaves a sub-run without its parent', async () => {
      const db = t.database.plain
      const id = t.kind.dialect === 'postgres' ? sql`uuid` : sql`char(36)`
      await sql`create table task_run (id ${id} primary key, flow_run_id ${id} references flow_run (id) on delete cascade)`.execute(
        db,
      )
      // SQLite takes no foreign key afterwards.
      if (t.kind.dialect === 'postgres') {
        await sql`alter table flow_run add foreign key (parent_task_run_id) references task_run (id) on delete set null`.execute(
          db,
        )
      }
      const [run, sub] = await t.make.runs([ended(-1), ended(-2, { state_type: 'RUNNING' })])
      const state = await t.make.state({ flow_run_id: run ?? '', type: 'COMPLETED', name: 'Completed' })
      await t.make.state({ flow_run_id: run ?? '', type: 'RUNNING', name: 'Running', timestamp: now })
      await t.make.set('flow_run', run ?? '', { state_id: state })
      await sql`insert into task_run (id, flow_run_id) select flow_run_id, flow_run_id from flow_run_state where id = ${state}`.execute(
        db,
      )
      await t.make.set('flow_run', sub ?? '', { parent_task_run_id: run ?? '' })
      expect(await pruneFlowRuns(t.db, { finishedBefore: now })).toEqual([run])
      const parentTaskRunId = t.kind.dialect === 'postgres' ? null : run
      expect(await readFlowRuns(t.db)).toMatchObject([{ id: sub, parentTaskRunId }])
      expect((await allRows(t.database))['flow_run_state']).toEqual([])
      expect((await sql`select * from task_run`.execute(db)).rows).toEqual([])
    })
  },
  prefectDatabases,
)
