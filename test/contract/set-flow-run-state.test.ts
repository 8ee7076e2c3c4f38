import { addMilliseconds, addSeconds } from 'date-fns'
import { sql } from 'kysely'
import {
  createFlowRuns,
  type FlowRun,
  type FlowRunStateInput,
  readFlowRun,
  readFlowRuns,
  setFlowRunState,
  type StateType,
} from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const past = new Date('2035-01-01T11:00:00.000Z')
const now = new Date('2035-01-01T12:00:00.123Z')
const due = addSeconds(now, 300)
const terminal: readonly StateType[] = ['COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED']

describeOnDatabases('setFlowRunState', (t) => {
  const create = async (): Promise<FlowRun> => {
    const [run] = await createFlowRuns(t.db, [{ nextScheduledStartTime: past, tags: ['a'] }], { now: past })
    if (run === undefined) throw new Error('no run')
    return run
  }
  /** The states of a run in the order of their times. */
  const states = async (flowRunId: string) =>
    await t.database.plain
      .selectFrom('flow_run_state')
      .select(['id', 'type', 'name', 'message', 'timestamp'])
      .where('flow_run_id', '=', flowRunId)
      .orderBy('timestamp')
      .execute()

  test.each(STATE_TYPES)('%s changes what belongs to the state, and nothing else', async (type) => {
    const neighbour = await create()
    const before = await create()
    const run = await setFlowRunState(t.db, before.id, { type }, { now })
    expect(run).toEqual({
      ...before,
      updated: now,
      stateId: run.stateId,
      stateType: type,
      stateName: type.charAt(0) + type.slice(1).toLowerCase(),
      stateTimestamp: now,
      runCount: type === 'RUNNING' ? 1 : 0,
      startTime: type === 'RUNNING' || terminal.includes(type) ? now : null,
      endTime: terminal.includes(type) ? now : null,
    })
    expect(await readFlowRuns(t.db)).toEqual([neighbour, run])
    expect((await states(run.id)).map(({ id, type }) => [id, type])).toEqual([
      [before.stateId, 'SCHEDULED'],
      [run.stateId, type],
    ])
  })

  test('keeps the end of a run that goes from one end to another, and forgets it when the run goes on', async () => {
    const { id } = await create()
    await setFlowRunState(t.db, id, { type: 'RUNNING' }, { now })
    await setFlowRunState(t.db, id, { type: 'FAILED' }, { now: addSeconds(now, 1) })
    const corrected = await setFlowRunState(t.db, id, { type: 'COMPLETED' }, { now: addSeconds(now, 2) })
    expect(corrected).toMatchObject({ startTime: now, endTime: addSeconds(now, 1), stateTimestamp: addSeconds(now, 2) })
    const again = await setFlowRunState(t.db, id, { type: 'RUNNING' }, { now: addSeconds(now, 3) })
    expect(again).toMatchObject({ startTime: now, endTime: null })
  })

  test('counts the time spent in RUNNING, over all attempts', async () => {
    const { id } = await create()
    const totalRunTime = async (): Promise<number> => {
      const seconds =
        t.kind.dialect === 'postgres'
          ? sql<number>`cast(extract(epoch from total_run_time) as float8)`
          : sql<number>`round((julianday(total_run_time) - julianday('1970-01-01')) * 86400, 3)`
      const row = await t.database.plain
        .selectFrom('flow_run')
        .select(seconds.as('seconds'))
        .where('id', '=', id)
        .executeTakeFirstOrThrow()
      return row.seconds
    }
    const enter = async (type: StateType, seconds: number): Promise<void> => {
      await setFlowRunState(t.db, id, { type, timestamp: addMilliseconds(now, seconds * 1000) }, { now })
    }
    await enter('PENDING', 0)
    await enter('RUNNING', 10)
    expect(await totalRunTime()).toBe(0)
    await enter('RUNNING', 11.25)
    expect(await totalRunTime()).toBe(1.25)
    await enter('PAUSED', 100_011.5)
    expect(await totalRunTime()).toBe(100_001.5)
    await enter('RUNNING', 200_000)
    await enter('COMPLETED', 199_999) // an attempt that ended before it began does not take time back
    expect(await totalRunTime()).toBe(100_001.5)
    // Prefect reads it as a time since 1970, of the same format as all times.
    const { stored } = await t.database.plain
      .selectFrom('flow_run')
      .select(sql`total_run_time`.as('stored'))
      .executeTakeFirstOrThrow()
    if (t.kind.dialect === 'sqlite') expect(stored).toBe('1970-01-02 03:46:41.500000')
  })

  test('takes a name, a time and a message', async () => {
    const { id } = await create()
    const timestamp = addSeconds(now, -3)
    const state: FlowRunStateInput = { type: 'PENDING', name: 'Submitting', timestamp, message: 'off "it" goes' }
    const run = await setFlowRunState(t.db, id, state, { now })
    expect(run).toMatchObject({ stateName: 'Submitting', stateTimestamp: timestamp, updated: now })
    expect(await readFlowRun(t.db, id)).toEqual(run)
    expect((await states(id)).at(-1)).toMatchObject({
      id: run.stateId,
      type: 'PENDING',
      name: 'Submitting',
      message: 'off "it" goes',
    })
  })

  test('asks the clock when no time is given', async () => {
    const id = await t.make.run()
    const before = Date.now()
    const { stateTimestamp, updated } = await setFlowRunState(t.db, id, { type: 'PENDING' })
    expect(stateTimestamp?.getTime()).toBeGreaterThanOrEqual(before)
    expect(stateTimestamp?.getTime()).toBeLessThanOrEqual(Date.now())
    expect(updated).toEqual(stateTimestamp)
  })

  test('RUNNING counts each attempt, and keeps the first start', async () => {
    const { id } = await create()
    await setFlowRunState(t.db, id, { type: 'RUNNING' }, { now })
    await setFlowRunState(t.db, id, { type: 'SCHEDULED', name: 'AwaitingRetry', scheduledTime: due }, { now: due })
    const run = await setFlowRunState(t.db, id, { type: 'RUNNING' }, { now: addSeconds(due, 1) })
    expect(run).toMatchObject({ runCount: 2, startTime: now, endTime: null })
    expect(await readFlowRun(t.db, id)).toEqual(run)
  })

  test('a run that was RUNNING as often as the databases can count runs all the same', async () => {
    const [run] = await createFlowRuns(t.db, [{ runCount: 2 ** 31 - 1 }])
    const id = run?.id ?? ''
    await t.db.transaction().execute(async (trx) => {
      expect(await setFlowRunState(trx, id, { type: 'RUNNING' })).toMatchObject({ runCount: 2 ** 31 - 1 })
      expect(await readFlowRun(trx, id)).toMatchObject({ stateType: 'RUNNING', runCount: 2 ** 31 - 1 })
    })
  })

  test('SCHEDULED takes the time when the run is due, and keeps it when none is given', async () => {
    const { id } = await create()
    const again = await setFlowRunState(t.db, id, { type: 'SCHEDULED', scheduledTime: due }, { now })
    expect(again.nextScheduledStartTime).toEqual(due)
    expect((await setFlowRunState(t.db, id, { type: 'PENDING' })).nextScheduledStartTime).toEqual(due)
    expect((await setFlowRunState(t.db, id, { type: 'SCHEDULED' })).nextScheduledStartTime).toEqual(due)
    expect(
      (await setFlowRunState(t.db, id, { type: 'SCHEDULED', scheduledTime: null })).nextScheduledStartTime,
    ).toBeNull()
    expect((await readFlowRun(t.db, id))?.nextScheduledStartTime).toBeNull()
  })

  test('a terminal state sets the end, and leaving it clears it', async () => {
    const { id } = await create()
    await setFlowRunState(t.db, id, { type: 'FAILED' }, { now })
    expect((await readFlowRun(t.db, id))?.endTime).toEqual(now)
    await setFlowRunState(t.db, id, { type: 'SCHEDULED' }, { now: due })
    expect((await readFlowRun(t.db, id))?.endTime).toBeNull()
  })

  test('a run without any state gets its first', async () => {
    const id = await t.make.run({ state_type: null, state_name: null })
    const run = await setFlowRunState(t.db, id, { type: 'SCHEDULED', scheduledTime: due }, { now })
    expect(run).toMatchObject({ stateType: 'SCHEDULED', nextScheduledStartTime: due, expectedStartTime: due })
    expect(await states(id)).toHaveLength(1)
  })

  test('two states in the same millisecond are both kept, in order', async () => {
    const { id, stateId } = await create()
    const types: StateType[] = ['PENDING', 'RUNNING', 'COMPLETED']
    const ids = [stateId]
    for (const type of types) {
      const run = await setFlowRunState(t.db, id, { type, timestamp: past }, { now })
      expect(run.stateTimestamp).toEqual(past)
      ids.push(run.stateId)
    }
    const kept = await states(id)
    expect(kept.map((state) => state.id)).toEqual(ids)
    expect(await readFlowRun(t.db, id)).toMatchObject({
      stateType: 'COMPLETED',
      stateTimestamp: past,
      stateId: ids.at(-1),
    })
  })

  test('many states of one run at once are all kept', async () => {
    const { id } = await create()
    await Promise.all(
      Array.from({ length: 20 }, () => setFlowRunState(t.db, id, { type: 'RUNNING', timestamp: now }, { now })),
    )
    expect(await states(id)).toHaveLength(21)
    expect((await readFlowRun(t.db, id))?.runCount).toBe(20)
  })

  test('takes an id in upper case', async () => {
    const id = 'abcdefab-cdef-4abc-8def-abcdefabcdef'
    await t.make.run({ id })
    expect(await setFlowRunState(t.db, id.toUpperCase(), { type: 'PENDING' })).toMatchObject({ id })
    expect(await states(id)).toHaveLength(1)
  })

  test('a missing run is an error, and nothing is changed', async () => {
    await create()
    const before = await allRows(t.database)
    const id = testId(404)
    await expect(setFlowRunState(t.db, id, { type: 'PENDING' })).rejects.toMatchObject({
      name: 'FlowRunNotFoundError',
      code: 'FLOW_RUN_NOT_FOUND',
      id,
    })
    expect(await allRows(t.database)).toEqual(before)
  })

  test('states follow each other also where the microseconds of one millisecond have been used up', async () => {
    const { id } = await create()
    const time = (microseconds: string): string =>
      t.kind.dialect === 'postgres' ? `2035-01-01T12:00:00.${microseconds}Z` : `2035-01-01 12:00:00.${microseconds}`
    await t.make.state({ flow_run_id: id, type: 'PENDING', name: 'Pending', timestamp: time('123999') })
    await setFlowRunState(t.db, id, { type: 'RUNNING', timestamp: now }, { now })
    await setFlowRunState(t.db, id, { type: 'COMPLETED', timestamp: addMilliseconds(now, 1) }, { now })
    expect((await states(id)).map(({ type }) => type)).toEqual(['SCHEDULED', 'PENDING', 'RUNNING', 'COMPLETED'])
  })

  test('the last time that there is may be the time of a state', async () => {
    const { id } = await create()
    const last = new Date('9999-12-31T23:59:59.999Z')
    await setFlowRunState(t.db, id, { type: 'RUNNING', timestamp: new Date('0001-01-01T00:00:00.000Z') }, { now })
    const run = await setFlowRunState(t.db, id, { type: 'COMPLETED', timestamp: last }, { now })
    expect(await readFlowRun(t.db, id)).toEqual({ ...run, stateTimestamp: last, endTime: last })
  })
})
