import { addSeconds } from 'date-fns'
import {
  claimRunsInWorkQueue,
  explainFlowRun,
  explainWorkQueue,
  formatExplanation,
  readWorkPoolSlotHolders,
  readWorkQueueSlotHolders,
  renewLeases,
  setFlowRunState,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const at = (seconds: number): Date => addSeconds(now, seconds)

describeOnDatabases('who holds a slot by a lease', (t) => {
  /** A full queue in a full pool: a run that `w-1` holds, one that nobody does, and one that waits. */
  const world = async (): Promise<{ pool: string; queue: string; leased: string; other: string; waiting: string }> => {
    const pool = await t.make.pool({ concurrency_limit: 2 })
    const queue = await t.make.queue({ work_pool_id: pool, concurrency_limit: 2, last_polled: now })
    const due = { work_queue_id: queue, state_timestamp: at(-90) }
    const [leased = '', other = '', waiting = ''] = await t.make.runs(
      [-60, -50, -40].map((seconds) => ({ ...due, name: `due ${seconds}`, next_scheduled_start_time: at(seconds) })),
    )
    await claimRunsInWorkQueue(t.db, queue, { holder: 'w-1', limit: 1, now })
    await claimRunsInWorkQueue(t.db, queue, { limit: 1, now: at(1) })
    return { pool, queue, leased, other, waiting }
  }

  test('is named, with the expiry, beside each holder of a slot that has one', async () => {
    const { pool, queue, leased, other } = await world()
    const lease = { holder: 'w-1', expiresAt: at(60) }
    for (const holders of [await readWorkQueueSlotHolders(t.db, queue), await readWorkPoolSlotHolders(t.db, pool)]) {
      expect(holders.map(({ flowRun, ...rest }) => [flowRun.id, rest])).toEqual([
        [leased, { slotAcquiredAt: now, lease }],
        [other, { slotAcquiredAt: at(1) }],
      ])
      expect(holders.map((holder) => 'lease' in holder)).toEqual([true, false])
    }
  })

  test('is named in the reasons of a queue and of a pool that are full', async () => {
    const { queue, waiting } = await world()
    const text = `"due -60" (PENDING since ${now.toISOString()}, leased to "w-1" until ${at(60).toISOString()}), "due -50" (PENDING`
    for (const explanation of [
      await explainFlowRun(t.db, waiting, { now: at(2) }),
      await explainWorkQueue(t.db, queue, { now: at(2) }),
    ]) {
      const full = explanation.reasons.filter(({ kind }) => kind === 'queue-full' || kind === 'pool-full')
      expect(full).toHaveLength(2)
      for (const { sentence } of full) expect(sentence).toContain(text)
      expect(full[0]).toMatchObject({ holders: [{ lease: { holder: 'w-1', expiresAt: at(60) } }, {}] })
      expect(formatExplanation(explanation)).toContain(text)
    }
  })

  test('explains a run of its own: until when it is held, and what frees its slot when that has passed', async () => {
    const { leased, other } = await world()
    for (const type of ['PENDING', 'RUNNING', 'CANCELLING'] as const) {
      if (type !== 'PENDING') await setFlowRunState(t.db, leased, { type }, { now: at(2) })
      const held = await explainFlowRun(t.db, leased, { now: at(59) })
      expect(held.reasons.slice(0, 2)).toMatchObject([
        { kind: 'not-scheduled', stateType: type },
        { kind: 'leased', holder: 'w-1', expiresAt: at(60) },
      ])
      const expired = await explainFlowRun(t.db, leased, { now: at(60) })
      expect(expired.reasons[1]).toMatchObject({ kind: 'lease-expired', holder: 'w-1', expiresAt: at(60) })
      expect(formatExplanation(expired)).toContain('releaseExpiredLeases frees its slot')
    }
    const { reasons } = await explainFlowRun(t.db, other, { now: at(60) })
    expect(reasons.filter(({ kind }) => kind.startsWith('lease'))).toEqual([])
    await renewLeases(t.db, 'w-1', { now: at(70) })
    const renewed = await explainFlowRun(t.db, leased, { now: at(71) })
    expect(renewed.reasons[1]).toMatchObject({ kind: 'leased', expiresAt: at(130) })
  })

  test('is nobody once the run has ended, or left its slot', async () => {
    const { queue, leased } = await world()
    await setFlowRunState(t.db, leased, { type: 'PAUSED' }, { now: at(2) })
    expect((await explainFlowRun(t.db, leased, { now: at(3) })).reasons.map(({ kind }) => kind)).not.toContain('leased')
    await setFlowRunState(t.db, leased, { type: 'RUNNING' }, { now: at(4) })
    expect((await explainFlowRun(t.db, leased, { now: at(5) })).reasons.map(({ kind }) => kind)).not.toContain('leased')
    for (const holder of await readWorkQueueSlotHolders(t.db, queue)) expect(holder).not.toHaveProperty('lease')
  })

  test('takes no statement more, once the table was seen', async () => {
    const { pool, queue, leased, waiting } = await world()
    const sent = async (call: () => Promise<unknown>): Promise<number> => {
      const before = t.database.statements.length
      await call()
      return t.database.statements.length - before
    }
    expect(await sent(() => readWorkPoolSlotHolders(t.db, pool))).toBe(1)
    expect(await sent(() => readWorkQueueSlotHolders(t.db, queue))).toBe(2)
    const ofWaiting = await sent(() => explainFlowRun(t.db, waiting, { now }))
    await t.database.plain.deleteFrom('flow_run_lease' as never).execute()
    expect(await sent(() => explainFlowRun(t.db, waiting, { now }))).toBe(ofWaiting)
    expect(await sent(() => explainFlowRun(t.db, leased, { now }))).toBeLessThan(ofWaiting)
  })
})
