import { cancelFlowRun, createFlowRun, type FlowRun, readFlowRun, type StateType } from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const past = new Date('2035-01-01T11:00:00.000Z')
const now = new Date('2035-01-01T12:00:00.123Z')

/** What a cancelled run becomes, put down apart from the rule. */
const becomes: Record<StateType, StateType | undefined> = {
  SCHEDULED: 'CANCELLED',
  PAUSED: 'CANCELLED',
  PENDING: 'CANCELLING',
  RUNNING: 'CANCELLING',
  CANCELLING: 'CANCELLING',
  COMPLETED: undefined,
  FAILED: undefined,
  CANCELLED: undefined,
  CRASHED: undefined,
}

describeOnDatabases('cancelFlowRun', (t) => {
  const create = async (stateType: StateType | null): Promise<FlowRun> =>
    (await createFlowRun(t.db, { stateType, nextScheduledStartTime: past }, { now: past })).flowRun
  const history = async (id: string) =>
    await t.database.plain
      .selectFrom('flow_run_state')
      .select(['id', 'type', 'name', 'message'])
      .where('flow_run_id', '=', id)
      .orderBy('timestamp')
      .execute()

  test.each(STATE_TYPES)('of a run that is %s', async (stateType) => {
    const before = await create(stateType)
    const { id } = before
    const type = becomes[stateType]
    const rows = await allRows(t.database)
    if (type === undefined) {
      await expect(cancelFlowRun(t.db, id)).rejects.toMatchObject({
        code: 'FLOW_RUN_STATE_CONFLICT',
        id,
        expectedStateId: null,
        stateId: before.stateId,
        stateType,
        message: `Flow run ${id} is ${stateType}, in state ${before.stateId}, which does not allow this change.`,
      })
      expect(await allRows(t.database)).toEqual(rows)
      return
    }
    const run = await cancelFlowRun(t.db, id, { message: 'why', now })
    expect(await readFlowRun(t.db, id)).toEqual(run)
    if (type === stateType) {
      expect(run).toEqual(before)
      expect(await allRows(t.database)).toEqual(rows)
      return
    }
    expect(run).toMatchObject({
      stateType: type,
      stateName: type === 'CANCELLED' ? 'Cancelled' : 'Cancelling',
      stateTimestamp: now,
      endTime: type === 'CANCELLED' ? now : null,
    })
    expect((await history(id)).at(-1)).toEqual({ id: run.stateId, type, name: run.stateName, message: 'why' })
  })

  test('of a run without a state', async () => {
    const { id } = await create(null)
    expect(await cancelFlowRun(t.db, id.toUpperCase())).toMatchObject({ id, stateType: 'CANCELLED' })
    expect(await history(id)).toMatchObject([{ type: 'CANCELLED', message: null }])
  })

  test('of a run that is missing', async () => {
    const missing = { name: 'FlowRunNotFoundError', id: testId(404) }
    await expect(cancelFlowRun(t.db, testId(404))).rejects.toMatchObject(missing)
  })

  test('in the caller’s transaction goes back with it, and its error leaves it usable', async () => {
    const [run, ended] = [await create('RUNNING'), await create('COMPLETED')]
    const before = await allRows(t.database)
    const undone = t.db.transaction().execute(async (trx) => {
      await cancelFlowRun(trx, run.id)
      await expect(cancelFlowRun(trx, ended.id)).rejects.toMatchObject({ code: 'FLOW_RUN_STATE_CONFLICT' })
      expect(await readFlowRun(trx, run.id)).toMatchObject({ stateType: 'CANCELLING' })
      throw new Error('undo')
    })
    await expect(undone).rejects.toThrow('undo')
    expect(await allRows(t.database)).toEqual(before)
  })
})
