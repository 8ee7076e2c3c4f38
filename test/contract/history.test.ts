import { addMilliseconds, addSeconds } from 'date-fns'
import fc from 'fast-check'
import { sql } from 'kysely'
import {
  claimRunsInWorkQueue,
  createFlowRuns,
  markLateFlowRuns,
  readFlowRun,
  releaseStaleClaims,
  setFlowRunState,
} from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'

const past = new Date('2035-01-01T11:00:00.000Z')
const now = new Date('2035-01-01T12:00:00.123Z')
const last = new Date('9999-12-31T23:59:59.999Z')

describeOnDatabases(
  'the history of a run',
  (t) => {
    const create = async (): Promise<{ id: string; queue: string }> => {
      const queue = await t.make.queue()
      const [run] = await createFlowRuns(t.db, [{ workQueueId: queue, nextScheduledStartTime: past }], { now: past })
      return { id: run?.id ?? '', queue }
    }
    /** The states of a run in the order of their times. */
    const states = async (flowRunId: string) =>
      await t.database.plain
        .selectFrom('flow_run_state')
        .select(['id', 'type', 'timestamp'])
        .where('flow_run_id', '=', flowRunId)
        .orderBy('timestamp')
        .execute()

    test('no state is earlier than the one before it, whatever time it is given', async () => {
      const { id } = await create()
      const before = addSeconds(past, -60)
      for (const [type, timestamp, options] of [
        ['PENDING', before, { now }],
        ['RUNNING', undefined, { now: before }],
        ['COMPLETED', before, {}],
      ] as const) {
        const run = await setFlowRunState(t.db, id, { type, timestamp }, options)
        expect(run).toMatchObject({ stateType: type, stateTimestamp: past })
        expect(await readFlowRun(t.db, id)).toEqual(run)
      }
      expect(await readFlowRun(t.db, id)).toMatchObject({ startTime: past, endTime: past })
      expect((await states(id)).map(({ type }) => type)).toEqual(['SCHEDULED', 'PENDING', 'RUNNING', 'COMPLETED'])
    })

    test('nor than the last of a run whose history was not kept', async () => {
      const id = await t.make.run({ state_timestamp: now })
      expect((await setFlowRunState(t.db, id, { type: 'PENDING' }, { now: past })).stateTimestamp).toEqual(now)
      await setFlowRunState(t.db, id, { type: 'RUNNING' }, { now: past })
      expect((await states(id)).map(({ type }) => type)).toEqual(['PENDING', 'RUNNING'])
    })

    test('any number of states may have one time', async () => {
      const { id } = await create()
      const digits = Array.from({ length: 999 }, (_, n) => `2035-01-01 11:00:00.${String(n + 1).padStart(6, '0')}`)
      const timestamps = digits.map((text) => (t.kind.dialect === 'postgres' ? `${text}+00` : text))
      const made = { flow_run_id: id, type: 'PENDING', name: 'Pending' }
      await t.make.rows(
        'flow_run_state',
        timestamps.map((timestamp) => ({ ...made, timestamp })),
      )
      for (const type of ['RUNNING', 'PENDING', 'COMPLETED'] as const) {
        await setFlowRunState(t.db, id, { type }, { now: past })
      }
      expect((await states(id)).slice(-3).map(({ type }) => type)).toEqual(['RUNNING', 'PENDING', 'COMPLETED'])
      expect(await states(id)).toHaveLength(1003)
    })

    test('is in the order in which the states were entered, whatever clocks say', async () => {
      const steps = fc.record({
        step: fc.constantFrom('claim', 'release', 'late', ...STATE_TYPES),
        timestamp: fc.option(fc.integer({ min: -5000, max: 5000 }), { nil: undefined }),
        now: fc.option(fc.integer({ min: -3, max: 3 }), { nil: undefined }),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(steps, { maxLength: 25 }), async (all) => {
          const { id, queue } = await create()
          const entered = [(await readFlowRun(t.db, id))?.stateId]
          for (const { step, timestamp, now: at } of all) {
            const given = { now: at === undefined ? undefined : addMilliseconds(now, at) }
            if (step === 'claim') await claimRunsInWorkQueue(t.db, queue, given)
            else if (step === 'release') await releaseStaleClaims(t.db, { pendingBefore: last, ...given })
            else if (step === 'late') await markLateFlowRuns(t.db, { scheduledBefore: last, ...given })
            else {
              const time = timestamp === undefined ? undefined : addMilliseconds(now, timestamp)
              await setFlowRunState(t.db, id, { type: step, timestamp: time }, given)
            }
            const { stateId } = (await readFlowRun(t.db, id)) ?? {}
            if (stateId !== entered.at(-1)) entered.push(stateId)
          }
          const kept = await states(id)
          expect(kept.map((state) => state.id)).toEqual(entered)
          // The run's own row has the time of its state, to the microsecond.
          const { rows } = await sql`
          select count(*) as same from flow_run as run join flow_run_state as state on state.id = run.state_id
          where run.id = ${id} and state.timestamp = run.state_timestamp
        `.execute(t.database.plain)
          expect(Number((rows[0] as { same: unknown }).same)).toBe(1)
        }),
        { numRuns: 15 },
      )
    })
  },
  [sqliteMemory, postgres],
)
