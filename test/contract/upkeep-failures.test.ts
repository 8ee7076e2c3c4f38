import { type Kysely, sql } from 'kysely'
import * as library from 'kysely-work-queues'
import { runUpkeep, type WorkQueueTables } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, sqliteFile } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows } from '../support/factory.js'
import { makeWork, now, PRUNING } from '../support/upkeep-work.js'

describeOnDatabases(
  'runUpkeep, of which a part fails,',
  (t) => {
    /** Whatever writes a row of the table is refused by the host. */
    const refuse = async (event: string, table: string, when: string): Promise<void> => {
      const db = t.database.plain
      if (t.kind.dialect === 'sqlite') {
        const body = `when ${when} begin select raise(abort, 'refused by ${table}'); end`
        await sql.raw(`create trigger refuse_${table} before ${event} on ${table} ${body}`).execute(db)
        return
      }
      const body = `if ${when} then raise exception 'refused by ${table}'; end if; return coalesce(new, old);`
      await sql
        .raw(`create function refuse_${table}() returns trigger language plpgsql as $$ begin ${body} end $$`)
        .execute(db)
      await sql
        .raw(
          `create trigger refuse_${table} before ${event} on ${table} for each row execute function refuse_${table}()`,
        )
        .execute(db)
    }
    const state = async (id = ''): Promise<string | undefined> =>
      (await library.readFlowRun(t.db, id))?.stateType ?? undefined
    const run = async (db: Kysely<WorkQueueTables>): Promise<unknown> =>
      await runUpkeep(db, { ...PRUNING, now }).catch((error: unknown) => error)

    test('throws its error when the others have done their part', async () => {
      const work = await makeWork(t)
      await refuse('update', 'flow_run', "old.state_type = 'CANCELLING'")
      const error = await run(t.db)
      expect(String(error)).toMatch('refused by flow_run')
      expect(error).not.toBeInstanceOf(AggregateError)
      expect(await state(work.markFlowRunsCancelled[0])).toBe('CANCELLING')
      expect(await state(work.releaseStaleClaims[0])).toBe('SCHEDULED')
      expect(await state(work.pruneFlowRuns[0])).toBeUndefined()
      await sql
        .raw(t.kind.dialect === 'sqlite' ? 'drop trigger refuse_flow_run' : 'drop trigger refuse_flow_run on flow_run')
        .execute(t.database.plain)
      const { changed } = await runUpkeep(t.db, { ...PRUNING, now })
      expect(Object.values(changed).flat()).toEqual(work.markFlowRunsCancelled)
    })

    test('throws all errors together when there are several', async () => {
      const work = await makeWork(t)
      await refuse('update', 'flow_run', "old.state_type = 'CANCELLING'")
      await refuse('update', 'work_queue', 'true')
      const error = await run(t.db)
      expect(error).toBeInstanceOf(AggregateError)
      expect((error as AggregateError).errors.map(String)).toEqual([
        expect.stringContaining('refused by flow_run'),
        expect.stringContaining('refused by work_queue'),
      ])
      expect(await state(work.releaseStaleClaims[0])).toBe('SCHEDULED')
    })

    test('throws the first at once in the host’s transaction', async () => {
      await makeWork(t)
      await refuse('update', 'flow_run', "old.state_type in ('PENDING', 'CANCELLING')")
      await refuse('update', 'work_queue', 'true')
      const before = await allRows(t.database)
      const attempt = t.db.transaction().execute(async (trx) => await runUpkeep(trx, { ...PRUNING, now }))
      const error: unknown = await attempt.catch((thrown: unknown) => thrown)
      expect(String(error)).toMatch('refused by work_queue')
      expect(await allRows(t.database)).toEqual(before)
    })
  },
  [sqliteFile, postgres],
)
