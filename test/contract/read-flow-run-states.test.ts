import { addSeconds } from 'date-fns'
import {
  cancelFlowRun,
  claimRunsInWorkQueue,
  createFlowRun,
  type FlowRunState,
  readFlowRunStates,
  setFlowRunState,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const at = (seconds: number): { now: Date } => ({ now: addSeconds(now, seconds) })

describeOnDatabases('readFlowRunStates', (t) => {
  test('reads every state of the run, oldest first, each as it was entered', async () => {
    const queue = await t.make.queue()
    const { flowRun } = await createFlowRun(t.db, { workQueueId: queue, nextScheduledStartTime: now }, at(0))
    const { runs } = await claimRunsInWorkQueue(t.db, queue, at(1))
    const running = await setFlowRunState(t.db, flowRun.id, { type: 'RUNNING', name: 'Up' }, at(2))
    const cancelling = await cancelFlowRun(t.db, flowRun.id, { message: 'no longer needed', ...at(3) })
    const state = (seconds: number, rest: Partial<FlowRunState>): FlowRunState => {
      const time = addSeconds(now, seconds)
      const details = { flow_run_id: flowRun.id }
      const common = { created: time, updated: time, timestamp: time, flowRunId: flowRun.id, message: null }
      return { ...common, stateDetails: details, ...rest } as FlowRunState
    }
    const waiting = { stateDetails: { flow_run_id: flowRun.id, scheduled_time: now.toISOString() } }
    expect(await readFlowRunStates(t.db, flowRun.id.toUpperCase())).toEqual([
      state(0, { id: flowRun.stateId ?? '', type: 'SCHEDULED', name: 'Scheduled', ...waiting }),
      state(1, { id: runs[0]?.stateId ?? '', type: 'PENDING', name: 'Pending', ...waiting }),
      state(2, { id: running.stateId ?? '', type: 'RUNNING', name: 'Up' }),
      state(3, { id: cancelling.stateId ?? '', type: 'CANCELLING', name: 'Cancelling', message: 'no longer needed' }),
    ])
  })

  test('is in order whatever the order of the rows, and reads those of no other run', async () => {
    const [run, other] = [await t.make.run(), await t.make.run()]
    for (const seconds of [2, 0, 3, 1]) {
      await t.make.state({ flow_run_id: run, id: testId(9 - seconds), timestamp: addSeconds(now, seconds) })
    }
    await t.make.state({ flow_run_id: other, timestamp: now })
    const states = await readFlowRunStates(t.db, run)
    expect(states.map(({ timestamp }) => timestamp)).toEqual([0, 1, 2, 3].map((seconds) => addSeconds(now, seconds)))
    expect(states.map(({ id }) => id)).toEqual([9, 8, 7, 6].map((n) => testId(n)))
  })

  test('a run without states, and one that does not exist, have none', async () => {
    expect(await readFlowRunStates(t.db, await t.make.run())).toEqual([])
    expect(await readFlowRunStates(t.db, testId(404))).toEqual([])
  })
})
