import { setTimeout } from 'node:timers/promises'
import {
  claimRunsInWorkQueue,
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

// A release reads what has expired, locks it, and reads it once more. What others do between its snapshot and its locks is in the middle of
// a statement, where nothing can be stepped: so both are long, and begin some milliseconds apart, more and more of them.

const LENGTH = 400
const ROUNDS = 12
const runs = Array.from({ length: LENGTH }, (_, n) => testId(n + 1, 3))
const claims = Array.from({ length: LENGTH }, (_, n) => testId(n + 1, 4))
const long = new Date('2020-01-01T00:00:00Z')
const expired = new Date('2021-01-01T00:00:00Z')

describeOnDatabases(
  'a release, at the same time as',
  (t) => {
    /** Runs that are PENDING, each with a lease of `w-1` that has expired. */
    const arrange = async (): Promise<string> => {
      const work_queue_id = await t.make.queue()
      await t.make.runs(
        runs.map((id, n) => ({
          id,
          work_queue_id,
          state_id: claims[n] ?? '',
          state_type: 'PENDING',
          state_timestamp: long,
          next_scheduled_start_time: long,
        })),
      )
      const states = runs.map((flow_run_id, n) => ({
        id: claims[n] ?? '',
        flow_run_id,
        type: 'PENDING',
        name: 'Pending',
      }))
      await t.make.rows(
        'flow_run_state',
        states.map((state) => ({ ...state, timestamp: long })),
      )
      for (const [n, flow_run_id] of runs.entries()) {
        await t.make.lease({ flow_run_id, state_id: claims[n] ?? '', acquired_at: long, expires_at: expired })
      }
      return work_queue_id
    }
    const clear = async (): Promise<void> => {
      await t.database.plain.deleteFrom('flow_run').execute()
    }
    /** Makes both calls, the second some milliseconds later. */
    const both = async <A, B>(one: () => Promise<A>, other: () => Promise<B>, delay: number): Promise<[A, B]> =>
      await Promise.all([one(), setTimeout(delay).then(other)])

    test('a renewal: each run is held or released, never both', { timeout: 120_000 }, async () => {
      const [a, b] = [t.database.connect(), t.database.connect()]
      let [held, released] = [0, 0]
      for (let round = 0; round < ROUNDS; round++) {
        await arrange()
        const delay = (round % 6) * 2
        const release = () => releaseExpiredLeases(a, { limit: LENGTH })
        const renew = () => renewLeases(b, 'w-1')
        const [ofRelease, ofRenewal] =
          round % 2 === 0 ? await both(release, renew, delay) : (await both(renew, release, delay)).toReversed()
        const given = (ofRelease as Awaited<ReturnType<typeof release>>).map(({ id }) => id).toSorted()
        const kept = (ofRenewal as Awaited<ReturnType<typeof renew>>).held
        expect([...given, ...kept].toSorted()).toEqual(runs)
        expect((await readLeases(t.db)).map(({ flowRunId }) => flowRunId)).toEqual(kept)
        held += kept.length
        released += given.length
        await clear()
      }
      expect(held).toBeGreaterThan(0)
      expect(released).toBeGreaterThan(0)
    })

    test('runs that wait and are claimed anew: those are no more the holder’s', { timeout: 120_000 }, async () => {
      const [a, b] = [t.database.connect(), t.database.connect()]
      for (let round = 0; round < ROUNDS; round++) {
        const queue = await arrange()
        const anew = async (): Promise<void> => {
          for (let from = 0; from < LENGTH; from += 40) {
            const changes = runs
              .slice(from, from + 40)
              .map((id, n) => ({ id, expectedStateId: claims[from + n] ?? '' }))
            await setFlowRunStates(
              b,
              changes.map((change) => ({ ...change, type: 'SCHEDULED' })),
            )
            await claimRunsInWorkQueue(b, queue)
          }
        }
        await both(() => releaseExpiredLeases(a, { limit: LENGTH }), anew, (round % 4) * 2)
        const states = await t.database.plain
          .selectFrom('flow_run_state')
          .select(['id', 'flow_run_id', 'message'])
          .orderBy('flow_run_id')
          .orderBy('timestamp')
          .execute()
        for (const [n, { flow_run_id, message }] of states.entries()) {
          if (message === null) continue
          // What was released was in the very state of the lease's claim.
          expect(states[n - 1]?.id).toBe(claims[runs.indexOf(flow_run_id)])
        }
        expect((await readFlowRuns(t.db, { filter: { stateType: { any: ['PENDING'] } } })).length).toBeGreaterThan(0)
        await clear()
      }
    })
  },
  [postgres],
)
