import { addMilliseconds } from 'date-fns'
import fc from 'fast-check'
import {
  claimRunsInWorkQueue,
  readFlowRun,
  readLeases,
  releaseStaleClaims,
  setFlowRunState,
  type StateType,
} from 'kysely-work-queues'
import { leaseHolds, STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { testId } from '../../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')

/** What happens to a run: a claim, for a holder or not; a release; a state set by us, or written by Prefect. */
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('claim' as const), holder: fc.constantFrom('w-1', 'w-2', undefined) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('ours' as const, 'prefect' as const),
      type: fc.constantFrom(...STATE_TYPES),
    }),
  },
)
/** Each some milliseconds after the one before, which may be none. */
const steps = fc.array(fc.tuple(fc.constantFrom(0, 0, 1, 1000), step), { minLength: 1, maxLength: 8 })

describeOnDatabases(
  'the rule leaseHolds, as SQL says it',
  (t) => {
    /** As Prefect's server writes a state: the row of the run, and one of its history, later than those before. */
    const prefectSets = async (id: string, type: StateType, timestamp: Date): Promise<void> => {
      const name = type.charAt(0) + type.slice(1).toLowerCase()
      const state_id = await t.make.state({ flow_run_id: id, type, name, timestamp })
      await t.make.set('flow_run', id, { state_id, state_type: type, state_name: name, state_timestamp: timestamp })
    }
    const historyOf = async (id: string): Promise<{ id: string; type: StateType; timestamp: Date }[]> => {
      const rows = await t.database.plain
        .selectFrom('flow_run_state')
        .select(['id', 'type'])
        .where('flow_run_id', '=', id)
        .orderBy('timestamp')
        .execute()
      // Those of one millisecond are told apart by their place.
      return rows.map(({ id: stateId, type }, n) => ({ id: stateId, type, timestamp: new Date(n) }))
    }

    test('is the pure one, on random histories', async () => {
      let held = 0
      let isVoid = 0
      await fc.assert(
        fc.asyncProperty(steps, async (happenings) => {
          const queue = await t.make.queue()
          const id = await t.make.run({ work_queue_id: queue, next_scheduled_start_time: now, state_timestamp: now })
          let time = now
          for (const [after, happening] of happenings) {
            time = addMilliseconds(time, after)
            if (happening.kind === 'claim') {
              const { holder } = happening
              await claimRunsInWorkQueue(t.db, queue, { holder, scheduledBefore: null, now: time })
            } else if (happening.kind === 'release') {
              const pendingBefore = new Date('2100-01-01')
              await releaseStaleClaims(t.db, { pendingBefore, workQueueIds: [queue], now: time })
            } else if (happening.kind === 'ours') {
              await setFlowRunState(t.db, id, { type: happening.type }, { now: time })
            } else {
              // At least a millisecond after what was stamped by us, a microsecond apart.
              time = addMilliseconds(time, 2)
              await prefectSets(id, happening.type, time)
            }
            const lease = (await leaseRows()).find((row) => row.flow_run_id === id)
            const found = await readLeases(t.db, { workQueueIds: [queue] })
            if (lease === undefined) {
              expect(found).toEqual([])
              continue
            }
            const [run, states] = [await readFlowRun(t.db, id), await historyOf(id)]
            const acquiredAt = states.find((state) => state.id === lease.state_id)?.timestamp
            if (run === undefined || acquiredAt === undefined) throw new Error('no claim')
            const holds = leaseHolds({ stateId: lease.state_id, acquiredAt }, run, states)
            expect(found.map(({ holder }) => holder)).toEqual(holds ? [lease.holder] : [])
            if (holds) held++
            else isVoid++
          }
        }),
        { numRuns: 160 },
      )
      expect(Math.min(held, isVoid)).toBeGreaterThan(20)
    })
    const leaseRows = async (): Promise<{ flow_run_id: string; state_id: string; holder: string }[]> =>
      (await t.database.plain
        .selectFrom('flow_run_lease' as never)
        .selectAll()
        .execute()) as never

    test('needs no history where the run is in the state of the claim, and takes none for unbroken', async () => {
      const [same, moved] = await t.make.runs([
        { state_type: 'PENDING', state_id: testId(1, 4) },
        { state_type: 'RUNNING', state_id: testId(2, 4) },
      ])
      for (const flow_run_id of [same, moved]) {
        await t.make.lease({ flow_run_id: flow_run_id ?? '', state_id: testId(1, 4), acquired_at: now })
      }
      expect((await readLeases(t.db)).map(({ flowRunId }) => flowRunId)).toEqual([same, moved])
    })
  },
  [sqliteMemory, postgres],
)
