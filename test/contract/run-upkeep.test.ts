import { addSeconds } from 'date-fns'
import { type Kysely, sql } from 'kysely'
import * as library from 'kysely-work-queues'
import {
  runUpkeep,
  type RunUpkeepOptions,
  type Upkeep,
  type UpkeepFunction,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { type Contract, describeOnDatabases } from '../support/describe-databases.js'
import { databases, postgres, sqliteFile } from '../support/databases.js'
import { prefectDatabases } from '../support/prefect-databases.js'
import { allRows } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const at = (seconds: number): Date => addSeconds(now, seconds)
const PRUNING = { pruneWorkersAfterSeconds: 100, pruneFlowRunsAfterSeconds: 100 }
/** What frees slots, then what is shown, then what takes long. */
const ORDER: readonly UpkeepFunction[] = [
  'releaseStaleClaims',
  'markFlowRunsCancelled',
  'markLateFlowRuns',
  'markWorkersOffline',
  'markWorkPoolsNotReady',
  'markWorkQueuesNotReady',
  'pruneWorkers',
  'pruneFlowRuns',
]

/** Something for each function to do, and beside it what it leaves alone: one that is a second younger. Returns what is to change. */
async function makeWork({ make }: Contract): Promise<Record<UpkeepFunction, string[]>> {
  const pool = await make.pool({ status: 'READY' })
  const idle = await make.pool({ status: 'READY' })
  const queue = async (seconds: number): Promise<string> =>
    await make.queue({ work_pool_id: pool, status: 'READY', last_polled: at(seconds) })
  const worker = async (seconds: number, status: string): Promise<string> =>
    await make.worker({ work_pool_id: pool, last_heartbeat_time: at(seconds), status })
  const run = async (state_type: string, seconds: number): Promise<string> =>
    await make.run({
      state_type,
      state_timestamp: at(seconds),
      end_time: at(seconds),
      // A claim that is given back is late at once, if it was due.
      next_scheduled_start_time: at(state_type === 'PENDING' ? 60 : seconds),
      expected_start_time: at(seconds),
    })
  const work = {
    releaseStaleClaims: [await run('PENDING', -601)],
    markFlowRunsCancelled: [await run('CANCELLING', -301)],
    markLateFlowRuns: [await run('SCHEDULED', -15)],
    markWorkersOffline: [await worker(-91, 'ONLINE')],
    markWorkPoolsNotReady: [idle],
    markWorkQueuesNotReady: [await queue(-61)],
    pruneWorkers: [await worker(-101, 'OFFLINE')],
    pruneFlowRuns: [await run('FAILED', -102), await run('COMPLETED', -101)],
  }
  await queue(-60)
  await worker(-90, 'ONLINE')
  await worker(-100, 'OFFLINE')
  await run('PENDING', -600)
  await run('CANCELLING', -300)
  await run('SCHEDULED', -14)
  await run('COMPLETED', -100)
  return work
}

describeOnDatabases(
  'runUpkeep',
  (t) => {
    const upkeep = async (options: RunUpkeepOptions = {}): Promise<Upkeep> => await runUpkeep(t.db, { now, ...options })

    test('does all that there is to do, no less and no more, and says what; then there is nothing', async () => {
      const work = await makeWork(t)
      const { changed, leftOut } = await upkeep(PRUNING)
      expect(changed).toEqual(work)
      expect(Object.keys(changed)).toEqual(ORDER)
      expect(leftOut).toEqual([])
      const before = await allRows(t.database)
      expect(await upkeep({ ...PRUNING, staleAfterSeconds: 9999 })).toEqual({
        changed: Object.fromEntries(ORDER.map((name) => [name, []])),
        leftOut: [],
      })
      expect(await allRows(t.database)).toEqual(before)
    })

    test('is what its functions do one by one', async () => {
      await makeWork(t)
      const trx = await t.db.startTransaction().execute()
      const { changed } = await runUpkeep(trx, { ...PRUNING, now })
      await trx.rollback().execute()
      const db = t.db
      const one = {
        releaseStaleClaims: await library.releaseStaleClaims(db, { pendingBefore: at(-600), now }),
        markFlowRunsCancelled: await library.markFlowRunsCancelled(db, { cancellingBefore: at(-300), now }),
        markLateFlowRuns: await library.markLateFlowRuns(db, { scheduledBefore: at(-15), now }),
        markWorkersOffline: await library.markWorkersOffline(db, { now }),
        markWorkPoolsNotReady: await library.markWorkPoolsNotReady(db, { now }),
        markWorkQueuesNotReady: await library.markWorkQueuesNotReady(db, { lastPolledBefore: at(-60), now }),
        pruneWorkers: await library.pruneWorkers(db, { lastHeartbeatBefore: at(-100) }),
      }
      const pruned = await library.pruneFlowRuns(db, { finishedBefore: at(-100) })
      const ids = Object.entries(one).map(([name, rows]) => [name, rows.map(({ id }) => id)] as const)
      expect(changed).toEqual({ ...Object.fromEntries(ids), pruneFlowRuns: pruned })
    })

    test('each cutoff can be set', async () => {
      await makeWork(t)
      const { changed } = await upkeep({
        lateAfterSeconds: 14,
        staleAfterSeconds: 599,
        cancellingAfterSeconds: 299,
        heartbeatIntervalSeconds: 29,
        notReadyAfterSeconds: 59,
        pruneWorkersAfterSeconds: 99,
        pruneFlowRunsAfterSeconds: { COMPLETED: 99 },
      })
      expect(Object.entries(changed).map(([name, ids]) => [name, ids.length])).toEqual(
        ORDER.map((name) => [name, name === 'markWorkPoolsNotReady' ? (changed[name]?.length ?? 0) : 2]),
      )
    })

    test('deletes nothing without a cutoff, leaves out what is asked for, and says so', async () => {
      const work = await makeWork(t)
      const why = 'no cutoff is given'
      const { changed, leftOut } = await upkeep({
        leaveOut: ['releaseStaleClaims', 'pruneWorkers'],
        pruneWorkersAfterSeconds: 0,
      })
      expect(leftOut).toEqual([
        { name: 'releaseStaleClaims', why: 'asked for' },
        { name: 'pruneWorkers', why: 'asked for' },
        { name: 'pruneFlowRuns', why },
      ])
      const { releaseStaleClaims: _, pruneWorkers: __, pruneFlowRuns: ___, ...rest } = work
      expect(changed).toEqual(rest)
      expect((await upkeep()).leftOut).toEqual([
        { name: 'pruneWorkers', why },
        { name: 'pruneFlowRuns', why },
      ])
    })

    test('goes on in batches while a function comes up against its limit, and no longer than asked to', async () => {
      const late = { next_scheduled_start_time: at(-60), state_name: 'Scheduled' }
      await t.make.runs(Array.from({ length: 1001 }, () => late))
      const ended = { state_type: 'COMPLETED', end_time: at(-60) }
      await t.make.runs(Array.from({ length: 1001 }, () => ended))
      const counts = async (batches?: number): Promise<unknown[]> => {
        const { changed } = await upkeep({ batches, pruneFlowRunsAfterSeconds: 0 })
        return [changed.markLateFlowRuns?.length, changed.pruneFlowRuns?.length]
      }
      expect(await counts(1)).toEqual([400, 500])
      expect(await counts()).toEqual([601, 501])
      expect(await counts()).toEqual([0, 0])
    })

    test('asks the clock when no time is given', async () => {
      const due = async (seconds: number): Promise<string> =>
        await t.make.run({ next_scheduled_start_time: addSeconds(new Date(), seconds), state_name: 'Scheduled' })
      await due(-1)
      const late = await due(-30)
      expect((await runUpkeep(t.db)).changed.markLateFlowRuns).toEqual([late])
    })

    test('in the host’s transaction it is part of that, in the order of locks', async () => {
      const work = await makeWork(t)
      const before = await allRows(t.database)
      t.database.statements.length = 0
      const attempt = t.db.transaction().execute(async (trx) => {
        const { changed } = await runUpkeep(trx, { ...PRUNING, now })
        expect(changed).toEqual(work)
        expect(Object.keys(changed)).toEqual([
          'markWorkersOffline',
          'pruneWorkers',
          'markWorkPoolsNotReady',
          'markWorkQueuesNotReady',
          'releaseStaleClaims',
          'markFlowRunsCancelled',
          'markLateFlowRuns',
          'pruneFlowRuns',
        ])
        throw new Error('undo')
      })
      await expect(attempt).rejects.toThrow('undo')
      expect(await allRows(t.database)).toEqual(before)
      expect(t.database.statements.filter((statement) => /^\s*(begin|commit)/i.test(statement))).toHaveLength(1)
    })
  },
  [...databases, ...prefectDatabases],
)

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
      await refuse('update', 'flow_run', "old.state_type = 'PENDING'")
      const error = await run(t.db)
      expect(String(error)).toMatch('refused by flow_run')
      expect(error).not.toBeInstanceOf(AggregateError)
      expect(await state(work.releaseStaleClaims[0])).toBe('PENDING')
      expect(await state(work.markFlowRunsCancelled[0])).toBe('CANCELLED')
      expect(await state(work.pruneFlowRuns[0])).toBeUndefined()
      await sql
        .raw(t.kind.dialect === 'sqlite' ? 'drop trigger refuse_flow_run' : 'drop trigger refuse_flow_run on flow_run')
        .execute(t.database.plain)
      const { changed } = await runUpkeep(t.db, { ...PRUNING, now })
      expect(Object.values(changed).flat()).toEqual(work.releaseStaleClaims)
    })

    test('throws all errors together when there are several', async () => {
      const work = await makeWork(t)
      await refuse('update', 'flow_run', "old.state_type = 'PENDING'")
      await refuse('update', 'work_queue', 'true')
      const error = await run(t.db)
      expect(error).toBeInstanceOf(AggregateError)
      expect((error as AggregateError).errors.map(String)).toEqual([
        expect.stringContaining('refused by flow_run'),
        expect.stringContaining('refused by work_queue'),
      ])
      expect(await state(work.markFlowRunsCancelled[0])).toBe('CANCELLED')
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
