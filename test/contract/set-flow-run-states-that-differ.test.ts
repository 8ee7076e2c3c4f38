import { addSeconds } from 'date-fns'
import {
  createFlowRuns,
  type FlowRun,
  type FlowRunStateInput,
  readFlowRuns,
  readFlowRunStates,
  setFlowRunState,
  setFlowRunStates,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'

const past = new Date('2035-01-01T11:00:00.000Z')
const now = new Date('2035-01-01T12:00:00.123Z')
const due = addSeconds(now, 300)

// On PostgreSQL, changes that are alike are another statement than changes that differ.

describeOnDatabases('setFlowRunStates with states that differ', (t) => {
  const create = async (count: number): Promise<FlowRun[]> =>
    await createFlowRuns(
      t.db,
      Array.from({ length: count }, () => ({ nextScheduledStartTime: past })),
      { now: past },
    )

  test.each([
    { type: 'PENDING' },
    { name: 'Late' },
    { message: 'another' },
    { timestamp: addSeconds(now, 1) },
    { scheduledTime: due },
    { scheduledTime: null },
  ] satisfies Partial<FlowRunStateInput>[])('two states that differ in %j alone stay two', async (difference) => {
    const pair: FlowRunStateInput[] = [{ type: 'SCHEDULED' }, { type: 'SCHEDULED', ...difference }]
    const [many, each] = [await create(2), await create(2)]
    await setFlowRunStates(
      t.db,
      pair.map((state, n) => ({ id: many[n]?.id ?? '', ...state })),
      { now },
    )
    for (const [n, state] of pair.entries()) await setFlowRunState(t.db, each[n]?.id ?? '', state, { now })
    const read = async (runs: FlowRun[]) =>
      await Promise.all(
        runs.map(async ({ id }) => {
          const [run] = await readFlowRuns(t.db, { filter: { id: { any: [id] } } })
          const history = (await readFlowRunStates(t.db, id)).map((state) => ({ ...state, id: '', flowRunId: '' }))
          return [run?.nextScheduledStartTime, history.map((state) => ({ ...state, stateDetails: '' }))]
        }),
      )
    expect(await read(many)).toEqual(await read(each))
  })

  test('names them just so when the states differ', async () => {
    const [a, b, c] = (await create(3)) as [FlowRun, FlowRun, FlowRun]
    const pending = await setFlowRunState(t.db, b.id, { type: 'PENDING' })
    const expecting = ({ id, stateId }: FlowRun) => ({ id, expectedStateId: stateId ?? undefined })
    const { changed, conflicts, missing } = await setFlowRunStates(t.db, [
      { ...expecting(b), type: 'RUNNING' },
      { ...expecting(a), type: 'CANCELLED' },
      { id: c.id, type: 'FAILED' },
    ])
    expect(changed.map(({ id, stateType }) => [id, stateType])).toEqual([
      [a.id, 'CANCELLED'],
      [c.id, 'FAILED'],
    ])
    expect(conflicts).toEqual([{ id: b.id, stateId: pending.stateId, stateType: 'PENDING' }])
    expect(missing).toEqual([])
  })
})
