import { createFlowRuns, type FlowRun, readFlowRun, setFlowRunState, type StateType } from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const past = new Date('2035-01-01T11:00:00.000Z')

describeOnDatabases('setFlowRunState with an expected state', (t) => {
  const create = async (): Promise<FlowRun & { stateId: string }> => {
    const [run] = await createFlowRuns(t.db, [{ nextScheduledStartTime: past }])
    if (run === undefined || run.stateId === null) throw new Error('no run')
    return { ...run, stateId: run.stateId }
  }

  test('changes a run that is in that very state, and each state has its own id', async () => {
    const { id, stateId } = await create()
    const pending = await setFlowRunState(t.db, id, { type: 'PENDING' }, { expectedStateId: stateId.toUpperCase() })
    expect(pending.stateId).not.toBe(stateId)
    const again = await setFlowRunState(t.db, id, { type: 'PENDING' }, { expectedStateId: pending.stateId ?? '' })
    expect(again.stateId).not.toBe(pending.stateId)
  })

  test('is a conflict when the run has left the state, also for one of the same type, and changes nothing', async () => {
    const { id, stateId } = await create()
    const run = await setFlowRunState(t.db, id, { type: 'SCHEDULED' })
    const before = await allRows(t.database)
    const conflict = {
      name: 'FlowRunStateConflictError',
      code: 'FLOW_RUN_STATE_CONFLICT',
      id,
      expectedStateId: stateId,
      stateId: run.stateId,
      stateType: 'SCHEDULED',
      message: `Flow run ${id} is SCHEDULED, in state ${run.stateId}, not in state ${stateId}.`,
    }
    await expect(setFlowRunState(t.db, id, { type: 'RUNNING' }, { expectedStateId: stateId })).rejects.toMatchObject(
      conflict,
    )
    // In the caller's transaction too, which may go on.
    await t.db.transaction().execute(async (trx) => {
      const late = setFlowRunState(trx, id, { type: 'RUNNING' }, { expectedStateId: stateId })
      await expect(late).rejects.toMatchObject(conflict)
      expect(await readFlowRun(trx, id)).toEqual(run)
    })
    expect(await allRows(t.database)).toEqual(before)
  })

  test('a run without a state is in none that is expected', async () => {
    const id = await t.make.run({ state_type: null })
    const nothing = { stateId: null, stateType: null }
    for (const options of [{ expectedStateId: testId(1) }, { expectedStateTypes: STATE_TYPES }]) {
      await expect(setFlowRunState(t.db, id, { type: 'PENDING' }, options)).rejects.toMatchObject(nothing)
    }
  })

  test('takes types instead: any of them', async () => {
    const { id } = await create()
    const options = { expectedStateTypes: ['SCHEDULED', 'PAUSED'] satisfies StateType[] }
    const run = await setFlowRunState(t.db, id, { type: 'PENDING' }, options)
    await expect(setFlowRunState(t.db, id, { type: 'RUNNING' }, options)).rejects.toMatchObject({
      expectedStateId: null,
      stateId: run.stateId,
      stateType: 'PENDING',
    })
    for (const type of STATE_TYPES) {
      const { stateType } = (await readFlowRun(t.db, id)) ?? {}
      const others = STATE_TYPES.filter((other) => other !== stateType)
      for (const expectedStateTypes of [others, []]) {
        await expect(setFlowRunState(t.db, id, { type }, { expectedStateTypes })).rejects.toMatchObject({ stateType })
      }
      await setFlowRunState(t.db, id, { type }, { expectedStateTypes: [stateType ?? 'PENDING'] })
    }
  })

  test('both have to hold when both are given', async () => {
    const { id, stateId } = await create()
    const conflict = { expectedStateId: stateId, stateId }
    await expect(
      setFlowRunState(t.db, id, { type: 'RUNNING' }, { expectedStateId: stateId, expectedStateTypes: ['PENDING'] }),
    ).rejects.toMatchObject(conflict)
    await setFlowRunState(
      t.db,
      id,
      { type: 'RUNNING' },
      { expectedStateId: stateId, expectedStateTypes: ['SCHEDULED'] },
    )
  })

  test('a missing run is missing, whatever is expected', async () => {
    for (const options of [{ expectedStateId: testId(1) }, { expectedStateTypes: STATE_TYPES }]) {
      await expect(setFlowRunState(t.db, testId(404), { type: 'PENDING' }, options)).rejects.toMatchObject({
        name: 'FlowRunNotFoundError',
      })
    }
  })
})
