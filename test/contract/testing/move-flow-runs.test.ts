import { addSeconds } from 'date-fns'
import { type FlowRun, readFlowRun, type StateType } from 'kysely-work-queues'
import {
  cancelFlowRun,
  completeFlowRun,
  crashFlowRun,
  failFlowRun,
  makeFlowRun,
  retryFlowRun,
  startFlowRun,
  submitFlowRun,
} from 'kysely-work-queues/testing'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { testId } from '../../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')

const moves: [name: string, move: typeof startFlowRun, type: StateType][] = [
  ['submitFlowRun', submitFlowRun, 'PENDING'],
  ['startFlowRun', startFlowRun, 'RUNNING'],
  ['completeFlowRun', completeFlowRun, 'COMPLETED'],
  ['failFlowRun', failFlowRun, 'FAILED'],
  ['crashFlowRun', crashFlowRun, 'CRASHED'],
  ['cancelFlowRun', cancelFlowRun, 'CANCELLED'],
]

describeOnDatabases('the helpers that move a run through its states', (t) => {
  const states = async (run: FlowRun): Promise<(string | null)[]> => {
    const rows = await t.database.plain
      .selectFrom('flow_run_state')
      .select('name')
      .where('flow_run_id', '=', run.id)
      .orderBy('timestamp')
      .execute()
    return rows.map(({ name }) => name)
  }

  test.each(moves)('%s enters its state at that time', async (_, move, stateType) => {
    const run = await makeFlowRun(t.db, {}, { now: addSeconds(now, -1) })
    const moved = await move(t.db, run.id, { now })
    expect(moved).toMatchObject({
      stateType,
      stateName: stateType.charAt(0) + stateType.slice(1).toLowerCase(),
      stateTimestamp: now,
    })
    expect(await readFlowRun(t.db, run.id)).toEqual(moved)
    expect(await states(run)).toEqual(['Scheduled', moved.stateName])
  })

  test('retryFlowRun schedules a run again, in a while or at once', async () => {
    const run = await makeFlowRun(t.db, {}, { now: addSeconds(now, -1) })
    await startFlowRun(t.db, run.id, { now })
    await failFlowRun(t.db, run.id, { now: addSeconds(now, 1) })
    expect(await retryFlowRun(t.db, run.id, { in: { minutes: 5 }, now: addSeconds(now, 2) })).toMatchObject({
      stateType: 'SCHEDULED',
      stateName: 'AwaitingRetry',
      nextScheduledStartTime: addSeconds(now, 302),
      runCount: 1,
      endTime: null,
    })
    expect(await states(run)).toEqual(['Scheduled', 'Running', 'Failed', 'AwaitingRetry'])
    expect(await retryFlowRun(t.db, run.id, { now })).toMatchObject({ nextScheduledStartTime: now })
  })

  test('each takes the clock when it is not told the time', async () => {
    const before = Date.now()
    for (const move of [...moves.map(([, move]) => move), retryFlowRun]) {
      const { stateTimestamp } = await move(t.db, (await makeFlowRun(t.db)).id)
      expect(stateTimestamp?.getTime()).toBeGreaterThanOrEqual(before)
    }
  })

  test('each refuses a run that is not there, and options that are none', async () => {
    const id = testId(404)
    for (const move of [...moves.map(([, move]) => move), retryFlowRun]) {
      await expect(move(t.db, id)).rejects.toMatchObject({ code: 'FLOW_RUN_NOT_FOUND', id })
      await expect(move(t.db, id, { more: 1 } as object)).rejects.toMatchObject({ issues: [{ path: 'more' }] })
    }
    await expect(retryFlowRun(t.db, id, { in: { minutes: NaN } })).rejects.toMatchObject({
      issues: [{ path: 'in.minutes' }],
    })
  })
})
