import { addMilliseconds, addSeconds } from 'date-fns'
import { readWorkQueueStatus } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, type Row, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const late: Row = { state_type: 'SCHEDULED', state_name: 'Late' }

describeOnDatabases('readWorkQueueStatus', (t) => {
  test('tells all it knows, of a healthy queue', async () => {
    const id = await t.make.queue({ last_polled: now })
    expect(await readWorkQueueStatus(t.db, id, { now })).toEqual({
      healthy: true,
      lateRunsCount: 0,
      lastPolled: now,
      healthCheckPolicy: { maximumLateRuns: 0, maximumSecondsSinceLastPolled: 60 },
    })
  })

  test('polled at most 60.000 s ago is healthy, and a millisecond more is not', async () => {
    const edge = addSeconds(now, -60)
    const healthyAt = async (lastPolled: Date | null): Promise<boolean> => {
      const id = await t.make.queue({ last_polled: lastPolled })
      const status = await readWorkQueueStatus(t.db, id, { now })
      expect(status.lastPolled).toEqual(lastPolled)
      return status.healthy
    }
    expect(await healthyAt(edge)).toBe(true)
    expect(await healthyAt(addMilliseconds(edge, -1))).toBe(false)
    expect(await healthyAt(null)).toBe(false)
  })

  test('a poll in the future is recent', async () => {
    const id = await t.make.queue({ last_polled: addSeconds(now, 86_400) })
    expect(await readWorkQueueStatus(t.db, id, { now })).toMatchObject({ healthy: true })
  })

  test('asks the clock when no time is given', async () => {
    const [recent, old] = [-50, -70].map((seconds) => addSeconds(new Date(), seconds))
    const recently = await t.make.queue({ last_polled: recent ?? null })
    const longAgo = await t.make.queue({ last_polled: old ?? null })
    expect(await readWorkQueueStatus(t.db, recently)).toMatchObject({ healthy: true })
    expect(await readWorkQueueStatus(t.db, longAgo)).toMatchObject({ healthy: false })
  })

  test('one late run makes a queue unhealthy', async () => {
    const id = await t.make.queue({ last_polled: now })
    await t.make.run({ ...late, work_queue_id: id })
    expect(await readWorkQueueStatus(t.db, id, { now })).toMatchObject({ healthy: false, lateRunsCount: 1 })
  })

  test('late runs belong by the queue’s id, or without one by its name in the default agent pool', async () => {
    const id = await t.make.agentQueue({ name: 'etl', last_polled: now })
    const other = await t.make.queue({ name: 'etl', last_polled: now })
    const third = await t.make.queue({ name: 'third', last_polled: now })
    await t.make.runs([
      { ...late, work_queue_id: id, work_queue_name: 'etl' },
      { ...late, work_queue_id: id, work_queue_name: 'third' },
      { ...late, work_queue_id: id },
      { ...late, work_queue_id: other, work_queue_name: 'etl' },
      { ...late, work_queue_name: 'etl' },
      { ...late, work_queue_name: 'ETL' },
      late,
    ])
    expect(await readWorkQueueStatus(t.db, id, { now })).toMatchObject({ lateRunsCount: 4 })
    expect(await readWorkQueueStatus(t.db, other, { now })).toMatchObject({ lateRunsCount: 1 })
    expect(await readWorkQueueStatus(t.db, third, { now })).toMatchObject({ lateRunsCount: 0, healthy: true })
  })

  test('late is the state’s name, and no other', async () => {
    const id = await t.make.queue({ last_polled: now })
    await t.make.runs([
      { work_queue_id: id, next_scheduled_start_time: addSeconds(now, -3600) },
      { work_queue_id: id, state_name: 'late' },
      { work_queue_id: id, state_name: 'AwaitingRetry' },
      { work_queue_id: id, state_name: null },
      { work_queue_id: id, state_type: 'RUNNING' },
    ])
    expect(await readWorkQueueStatus(t.db, id, { now })).toMatchObject({ lateRunsCount: 0, healthy: true })
    await t.make.run({ work_queue_id: id, state_type: 'PENDING', state_name: 'Late' })
    expect(await readWorkQueueStatus(t.db, id, { now })).toMatchObject({ lateRunsCount: 1 })
  })

  test('neither a pause nor the status decides', async () => {
    const id = await t.make.queue({ last_polled: now, is_paused: true, status: 'PAUSED' })
    expect(await readWorkQueueStatus(t.db, id, { now })).toMatchObject({ healthy: true })
  })

  test('is one statement, and changes nothing', async () => {
    const id = await t.make.queue({ last_polled: now })
    const before = await allRows(t.database)
    t.database.statements.length = 0
    await readWorkQueueStatus(t.db, id)
    expect(t.database.statements).toHaveLength(1)
    expect(await allRows(t.database)).toEqual(before)
  })

  test('a policy that a caller changes is the caller’s own', async () => {
    const id = await t.make.queue({ last_polled: now })
    const status = await readWorkQueueStatus(t.db, id, { now })
    Object.assign(status.healthCheckPolicy, { maximumLateRuns: 5 })
    expect((await readWorkQueueStatus(t.db, id, { now })).healthCheckPolicy.maximumLateRuns).toBe(0)
  })

  test('a missing queue is an error', async () => {
    await t.make.queue()
    const id = testId(404)
    await expect(readWorkQueueStatus(t.db, id)).rejects.toMatchObject({
      name: 'WorkQueueNotFoundError',
      code: 'WORK_QUEUE_NOT_FOUND',
      id,
    })
  })
})
