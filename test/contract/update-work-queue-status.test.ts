import { addMilliseconds, addSeconds } from 'date-fns'
import {
  type EmitWorkQueueStatusChange,
  readWorkQueue,
  updateWorkQueue,
  type WorkQueue,
  type WorkQueueStatus,
  type WorkQueueUpdate,
} from 'kysely-work-queues'
import { expect, test, vi } from 'vitest'
import { postgres, sqliteMemory } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'

const now = new Date('2035-01-01T12:00:00.123Z')
/** 60.000 s ago. */
const edge = addSeconds(now, -60)
const tooLongAgo = addMilliseconds(edge, -1)

interface Case {
  readonly title: string
  readonly from: WorkQueueStatus
  readonly polled: Date | null
  readonly patch: WorkQueueUpdate
  /** The status written, or none. */
  readonly to?: WorkQueueStatus
}

const cases: Case[] = [
  { title: 'pausing a READY queue', from: 'READY', polled: now, patch: { isPaused: true }, to: 'PAUSED' },
  { title: 'pausing a NOT_READY queue', from: 'NOT_READY', polled: null, patch: { isPaused: true }, to: 'PAUSED' },
  { title: 'pausing a PAUSED queue', from: 'PAUSED', polled: now, patch: { isPaused: true } },
  { title: 'unpausing a queue that is not PAUSED', from: 'NOT_READY', polled: now, patch: { isPaused: false } },
  { title: 'unpausing a READY queue', from: 'READY', polled: null, patch: { isPaused: false } },
  { title: 'unpausing, polled just now', from: 'PAUSED', polled: now, patch: { isPaused: false }, to: 'READY' },
  { title: 'unpausing, polled 60.000 s ago', from: 'PAUSED', polled: edge, patch: { isPaused: false }, to: 'READY' },
  {
    title: 'unpausing, polled 60.001 s ago',
    from: 'PAUSED',
    polled: tooLongAgo,
    patch: { isPaused: false },
    to: 'NOT_READY',
  },
  { title: 'unpausing, never polled', from: 'PAUSED', polled: null, patch: { isPaused: false }, to: 'NOT_READY' },
  {
    title: 'unpausing, polled in the future',
    from: 'PAUSED',
    polled: addSeconds(now, 3600),
    patch: { isPaused: false },
    to: 'READY',
  },
  {
    title: 'unpausing with a recent poll in the patch',
    from: 'PAUSED',
    polled: null,
    patch: { isPaused: false, lastPolled: edge },
    to: 'READY',
  },
  {
    title: 'unpausing with an old poll in the patch',
    from: 'PAUSED',
    polled: now,
    patch: { isPaused: false, lastPolled: tooLongAgo },
    to: 'NOT_READY',
  },
  {
    title: 'unpausing with no poll in the patch',
    from: 'PAUSED',
    polled: now,
    patch: { isPaused: false, lastPolled: null },
    to: 'NOT_READY',
  },
  { title: 'a poll alone', from: 'PAUSED', polled: null, patch: { lastPolled: now } },
  { title: 'all else', from: 'PAUSED', polled: now, patch: { name: 'renamed', description: null, priority: 1 } },
]

// The decision is a rule of its own, so one database of each dialect will do.
describeOnDatabases(
  'the status after updateWorkQueue',
  (t) => {
    const read = async (id: string): Promise<WorkQueue> => {
      const queue = await readWorkQueue(t.db, id)
      if (queue === undefined) throw new Error('no such queue')
      return queue
    }

    test.each(cases.filter(({ to }) => to !== undefined))(
      '$title makes it $to',
      async ({ from, polled, patch, to }) => {
        const id = await t.make.queue({ status: from, is_paused: patch.isPaused !== true, last_polled: polled })
        const emitStatusChange = vi.fn<EmitWorkQueueStatusChange>()
        expect(await updateWorkQueue(t.db, id, patch, { now, emitStatusChange })).toBe(true)
        const queue = await read(id)
        expect(queue).toMatchObject({ ...patch, status: to })
        expect(emitStatusChange.mock.calls).toEqual([[queue]])
      },
    )

    test.each(cases.filter(({ to }) => to === undefined))('$title leaves it $from', async ({ from, polled, patch }) => {
      const id = await t.make.queue({ status: from, is_paused: from === 'PAUSED', last_polled: polled })
      const emitStatusChange = vi.fn<EmitWorkQueueStatusChange>()
      expect(await updateWorkQueue(t.db, id, patch, { now, emitStatusChange })).toBe(true)
      expect((await read(id)).status).toBe(from)
      expect(emitStatusChange).not.toHaveBeenCalled()
    })
  },
  [sqliteMemory, postgres],
)

describeOnDatabases('the status that updateWorkQueue writes', (t) => {
  const read = async (id: string): Promise<WorkQueue> => {
    const queue = await readWorkQueue(t.db, id)
    if (queue === undefined) throw new Error('no such queue')
    return queue
  }

  test('asks the clock whether a poll was recent when no time is given', async () => {
    const recent = await t.make.queue({ status: 'PAUSED', is_paused: true, last_polled: addSeconds(new Date(), -50) })
    const old = await t.make.queue({ status: 'PAUSED', is_paused: true, last_polled: addSeconds(new Date(), -61) })
    for (const id of [recent, old]) await updateWorkQueue(t.db, id, { isPaused: false })
    expect((await read(recent)).status).toBe('READY')
    expect((await read(old)).status).toBe('NOT_READY')
  })

  test('is reported with the queue as it now is, all of the patch applied', async () => {
    const work_pool_id = await t.make.pool()
    const id = await t.make.queue({ work_pool_id, name: 'etl', priority: 5, status: 'READY', concurrency_limit: 1 })
    const patch: WorkQueueUpdate = {
      name: 'renamed',
      description: null,
      isPaused: true,
      concurrencyLimit: null,
      priority: 1,
      filter: { tags: ['a'] },
      lastPolled: null,
    }
    const reported: WorkQueue[] = []
    await updateWorkQueue(t.db, id, patch, { now, emitStatusChange: (queue) => void reported.push(queue) })
    expect(reported).toEqual([await read(id)])
    expect(reported[0]).toMatchObject({
      ...patch,
      description: '',
      filter: { tags: ['a'], deploymentIds: null },
      status: 'PAUSED',
      updated: now,
    })
  })

  test('is reported after the commit, and awaited', async () => {
    const id = await t.make.queue({ status: 'READY' })
    const seen: string[] = []
    await updateWorkQueue(
      t.db,
      id,
      { isPaused: true },
      {
        emitStatusChange: async () => {
          // On one connection this would hang if the transaction were still open.
          seen.push((await read(id)).status)
          await updateWorkQueue(t.db, id, { description: 'written while reporting' })
          seen.push('awaited')
        },
      },
    )
    expect(seen).toEqual(['PAUSED', 'awaited'])
    expect((await read(id)).description).toBe('written while reporting')
  })

  test('stays written when the report fails, and the failure is the caller’s to see', async () => {
    const id = await t.make.queue({ status: 'READY' })
    const failing = updateWorkQueue(
      t.db,
      id,
      { isPaused: true },
      { emitStatusChange: () => Promise.reject(new Error('the bus is down')) },
    )
    await expect(failing).rejects.toThrow('the bus is down')
    expect(await read(id)).toMatchObject({ isPaused: true, status: 'PAUSED' })
  })
})
