import { addSeconds } from 'date-fns'
import * as library from 'kysely-work-queues'
import { runUpkeep, type RunUpkeepOptions, type Upkeep, type UpkeepFunction } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { databases } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows } from '../support/factory.js'
import { prefectDatabases } from '../support/prefect-databases.js'
import { at, hasLeases, makeWork, now, ORDER, PRUNING } from '../support/upkeep-work.js'

describeOnDatabases(
  'runUpkeep',
  (t) => {
    /** What is left out on Prefect's own tables. */
    const missing = (): Upkeep['leftOut'] => {
      const why = 'The table flow_run_lease is missing; run the migration `leases` of kysely-work-queues/migrations.'
      return hasLeases(t.kind) ? [] : [{ name: 'releaseExpiredLeases', why }]
    }
    const order = (): UpkeepFunction[] => ORDER.filter((name) => !missing().some((left) => left.name === name))
    const upkeep = async (options: RunUpkeepOptions = {}): Promise<Upkeep> => await runUpkeep(t.db, { now, ...options })

    test('does all that there is to do, no less and no more, and says what; then there is nothing', async () => {
      const work = await makeWork(t)
      const { changed, leftOut } = await upkeep(PRUNING)
      expect(changed).toEqual(work)
      expect(Object.keys(changed)).toEqual(order())
      expect(leftOut).toEqual(missing())
      const before = await allRows(t.database)
      expect(await upkeep({ ...PRUNING, staleAfterSeconds: 9999 })).toEqual({
        changed: Object.fromEntries(order().map((name) => [name, []])),
        leftOut: missing(),
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
        ...(hasLeases(t.kind) && { releaseExpiredLeases: await library.releaseExpiredLeases(db, { now }) }),
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
        order().map((name) => [name, /Pools|Leases/.test(name) ? changed[name]?.length : 2]),
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
        ...missing(),
        { name: 'releaseStaleClaims', why: 'asked for' },
        { name: 'pruneWorkers', why: 'asked for' },
        { name: 'pruneFlowRuns', why },
      ])
      const { releaseStaleClaims: _, pruneWorkers: __, pruneFlowRuns: ___, ...rest } = work
      expect(changed).toEqual(rest)
      expect((await upkeep()).leftOut).toEqual([
        ...missing(),
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

    test('says what becomes of RUNNING runs whose lease expired, and of those that come back too often', async () => {
      if (!hasLeases(t.kind)) return
      const { releaseExpiredLeases: [id = ''] = [] } = await makeWork(t)
      await library.setFlowRunState(t.db, id, { type: 'RUNNING' }, { now: at(-20) })
      expect((await upkeep({ runningTo: 'SCHEDULED', maxReleases: 0 })).changed.releaseExpiredLeases).toEqual([id])
      expect(await library.readFlowRun(t.db, id)).toMatchObject({ stateType: 'CRASHED' })
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
          ...order().filter((name) => name === 'releaseExpiredLeases'),
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
