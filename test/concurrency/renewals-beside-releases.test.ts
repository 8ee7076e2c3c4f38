import {
  claimRunsInWorkQueue,
  type FlowRun,
  readFlowRuns,
  readLeases,
  releaseExpiredLeases,
  renewLeases,
  setFlowRunStates,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { testId } from '../support/factory.js'
import { haltAtRuns } from './gated-runs.js'

// A release reads what has expired, locks it, and reads it once more. Here the release is halted in the middle of its first statement,
// between its snapshot and its locks, while others do their work.

const numbers = [1, 2, 3, 4]
const runs = numbers.map((n) => testId(n, 3))
const claims = numbers.map((n) => testId(n, 4))
const long = new Date('2020-01-01T00:00:00Z')
const expired = new Date('2021-01-01T00:00:00Z')

const idsOf = (list: readonly FlowRun[]): string[] => list.map(({ id }) => id)

describeOnDatabases(
  'a release that has seen expired leases, and not locked them yet,',
  (t) => {
    /** Runs that are PENDING, each with a lease of `w-1` that has expired. */
    const arrange = async (): Promise<string> => {
      const work_queue_id = await t.make.queue()
      const common = { state_timestamp: long, next_scheduled_start_time: long, work_queue_id, state_type: 'PENDING' }
      await t.make.runs(runs.map((id, n) => ({ id, state_id: claims[n] ?? '', ...common })))
      await t.make.rows(
        'flow_run_state',
        runs.map((flow_run_id, n) => ({
          id: claims[n] ?? '',
          flow_run_id,
          type: 'PENDING',
          name: 'Pending',
          timestamp: long,
        })),
      )
      for (const [n, flow_run_id] of runs.entries()) {
        await t.make.lease({ flow_run_id, state_id: claims[n] ?? '', acquired_at: long, expires_at: expired })
      }
      return work_queue_id
    }
    const giveBack = async (ids: readonly string[]) =>
      await setFlowRunStates(
        t.db,
        ids.map((id) => ({ id, type: 'SCHEDULED' })),
      )

    test('leaves alone what is renewed meanwhile, and releases the rest', async () => {
      await arrange()
      const [released, renewed] = await haltAtRuns(
        t.database,
        async (db) => await releaseExpiredLeases(db),
        async () => await renewLeases(t.db, 'w-1', { flowRunIds: runs.slice(0, 3) }),
      )
      expect(renewed).toEqual({ held: runs.slice(0, 3), cancelling: [], lost: [] })
      expect(idsOf(released)).toEqual(runs.slice(3))
      expect((await readLeases(t.db)).map(({ flowRunId }) => flowRunId)).toEqual(runs.slice(0, 3))
    })

    test('leaves alone what is given back and claimed anew meanwhile, for another holder or for none', async () => {
      const queue = await arrange()
      const [released, claimed] = await haltAtRuns(
        t.database,
        async (db) => await releaseExpiredLeases(db),
        async () => {
          await giveBack(runs.slice(0, 3))
          const ofNone = await claimRunsInWorkQueue(t.db, queue, { limit: 2, holder: undefined })
          const ofAnother = await claimRunsInWorkQueue(t.db, queue, { limit: 1, holder: 'w-2' })
          return [...ofNone.runs, ...ofAnother.runs]
        },
      )
      expect(idsOf(claimed)).toEqual(runs.slice(0, 3))
      expect(idsOf(released)).toEqual(runs.slice(3))
      const now = await readFlowRuns(t.db, { filter: { stateType: { any: ['PENDING'] } } })
      expect(now.map(({ id, stateId }) => [id, stateId])).toEqual(claimed.map(({ id, stateId }) => [id, stateId]))
      expect((await readLeases(t.db)).map(({ flowRunId, holder }) => [flowRunId, holder])).toEqual([[runs[2], 'w-2']])
    })

    test('leaves alone what ends meanwhile', async () => {
      await arrange()
      const [released] = await haltAtRuns(
        t.database,
        async (db) => await releaseExpiredLeases(db, { runningTo: 'SCHEDULED' }),
        async () =>
          await setFlowRunStates(
            t.db,
            runs.slice(1).map((id) => ({ id, type: 'COMPLETED' })),
          ),
      )
      expect(idsOf(released)).toEqual(runs.slice(0, 1))
      expect(idsOf(await readFlowRuns(t.db, { filter: { stateType: { any: ['COMPLETED'] } } }))).toEqual(runs.slice(1))
    })
  },
  [postgres],
)
