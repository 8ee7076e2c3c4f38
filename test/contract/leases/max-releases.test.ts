import { addSeconds } from 'date-fns'
import fc from 'fast-check'
import {
  claimRunsInWorkQueue,
  type FlowRun,
  markLateFlowRuns,
  releaseExpiredLeases,
  releaseStaleClaims,
  setFlowRunState,
} from 'kysely-work-queues'
import { releasesSinceRun, stateAfterRelease } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'

const now = new Date('2035-01-01T12:00:00.123Z')

describeOnDatabases('maxReleases', (t) => {
  let seconds = 0
  const later = (): Date => addSeconds(now, (seconds += 100))
  const queueOfOne = async (): Promise<string> => {
    const queue = await t.make.queue()
    await t.make.run({ work_queue_id: queue, next_scheduled_start_time: now, state_timestamp: now })
    return queue
  }
  const claim = async (queue: string): Promise<FlowRun | undefined> =>
    (await claimRunsInWorkQueue(t.db, queue, { holder: 'w-1', leaseSeconds: 1, now: later() })).runs[0]
  const ways: Record<string, (maxReleases?: number) => Promise<FlowRun[]>> = {
    releaseExpiredLeases: (maxReleases) =>
      releaseExpiredLeases(t.db, { runningTo: 'SCHEDULED', maxReleases, now: later() }),
    releaseStaleClaims: (maxReleases) => {
      const at = later()
      return releaseStaleClaims(t.db, { pendingBefore: at, maxReleases, now: at })
    },
  }

  test.each(Object.keys(ways))(
    'a run that was released by %s that often becomes CRASHED at the next release',
    async (name) => {
      const release = ways[name] as (maxReleases?: number) => Promise<FlowRun[]>
      const queue = await queueOfOne()
      for (const expected of ['SCHEDULED', 'SCHEDULED', 'CRASHED']) {
        await claim(queue)
        expect((await release(2)).map(({ stateType }) => stateType)).toEqual([expected])
      }
      expect(await claim(queue)).toBeUndefined()
      const last = await t.database.plain
        .selectFrom('flow_run_state')
        .select('message')
        .where('type', '=', 'CRASHED')
        .executeTakeFirst()
      expect(last?.message).toMatch(/^It was released 2 times before, and .* (expired|taken up)\.$/)
    },
  )

  test.each(Object.keys(ways))('without it, %s gives back without end, and with 0 never', async (name) => {
    const release = ways[name] as (maxReleases?: number) => Promise<FlowRun[]>
    const queue = await queueOfOne()
    for (let n = 0; n < 5; n++) {
      await claim(queue)
      expect(await release()).toMatchObject([{ stateType: 'SCHEDULED' }])
    }
    await claim(queue)
    expect(await release(5)).toMatchObject([{ stateType: 'CRASHED' }])
    const another = await queueOfOne()
    await claim(another)
    expect(await release(0)).toMatchObject([{ stateType: 'CRASHED' }])
  })

  test('both ways count, and a run that has run since begins anew', async () => {
    const queue = await queueOfOne()
    await claim(queue)
    await ways['releaseExpiredLeases']?.(1)
    await claim(queue)
    expect(await ways['releaseStaleClaims']?.(2)).toMatchObject([{ stateType: 'SCHEDULED' }])
    const run = await claim(queue)
    await setFlowRunState(t.db, run?.id ?? '', { type: 'RUNNING' }, { now: later() })
    expect(await ways['releaseExpiredLeases']?.(1)).toMatchObject([{ stateType: 'SCHEDULED' }])
    await claim(queue)
    expect(await ways['releaseStaleClaims']?.(2)).toMatchObject([{ stateType: 'SCHEDULED' }])
    await claim(queue)
    expect(await ways['releaseExpiredLeases']?.(2)).toMatchObject([{ stateType: 'CRASHED' }])
  })

  test('a CANCELLING run becomes CANCELLED all the same, and other SCHEDULED states do not count', async () => {
    const queue = await queueOfOne()
    const run = await claim(queue)
    const id = run?.id ?? ''
    await setFlowRunState(t.db, id, { type: 'SCHEDULED', message: 'Put off.' }, { now: later() })
    await setFlowRunState(t.db, id, { type: 'SCHEDULED', name: 'AwaitingRetry' }, { now: later() })
    await markLateFlowRuns(t.db, { scheduledBefore: later(), now: later() })
    await claim(queue)
    expect(await ways['releaseExpiredLeases']?.(1)).toMatchObject([{ stateType: 'SCHEDULED' }])
    await claim(queue)
    await setFlowRunState(t.db, id, { type: 'CANCELLING' }, { now: later() })
    expect(await ways['releaseExpiredLeases']?.(0)).toMatchObject([{ stateType: 'CANCELLED' }])
  })
})

const happening = fc.constantFrom('claim', 'release', 'release', 'run', 'put off', 'say so')

describeOnDatabases(
  'the rules of releases, as SQL says them',
  (t) => {
    test('are the pure ones, on random histories', async () => {
      let crashes = 0
      await fc.assert(
        fc.asyncProperty(fc.array(happening, { maxLength: 12 }), fc.nat({ max: 2 }), async (all, maxReleases) => {
          const queue = await t.make.queue()
          const id = await t.make.run({ work_queue_id: queue, next_scheduled_start_time: now, state_timestamp: now })
          const stateOf = async (): Promise<string | null | undefined> =>
            (await t.database.plain.selectFrom('flow_run').select('state_type').where('id', '=', id).executeTakeFirst())
              ?.state_type
          const claim = async (at: Date): Promise<void> => {
            await claimRunsInWorkQueue(t.db, queue, { holder: 'w-1', leaseSeconds: 1, now: at })
          }
          for (const [n, what] of all.entries()) {
            const at = addSeconds(now, 10 * n)
            if (what === 'claim') await claim(at)
            if (what === 'run') await setFlowRunState(t.db, id, { type: 'RUNNING' }, { now: at })
            if (what === 'put off') await setFlowRunState(t.db, id, { type: 'SCHEDULED' }, { now: at })
            if (what === 'say so')
              await setFlowRunState(t.db, id, { type: 'PENDING', message: 'Released: no' }, { now: at })
            if (what !== 'release') continue
            await claim(at)
            const states = await t.database.plain
              .selectFrom('flow_run_state')
              .select(['type', 'message'])
              .where('flow_run_id', '=', id)
              .orderBy('timestamp')
              .execute()
            const before = await stateOf()
            const options = { runningTo: 'SCHEDULED', maxReleases } as const
            const released = await releaseExpiredLeases(t.db, { ...options, now: addSeconds(at, 5) })
            // Others are of the histories before.
            const run = released.find((other) => other.id === id)
            if (run === undefined) continue
            const releases = releasesSinceRun(states)
            expect(run.stateType).toBe(stateAfterRelease({ stateType: before as never, releases }, options))
            if (run.stateType === 'CRASHED') crashes++
          }
        }),
        { numRuns: 150 },
      )
      expect(crashes).toBeGreaterThan(10)
    })
  },
  [sqliteMemory, postgres],
)
