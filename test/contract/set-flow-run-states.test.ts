import { setTimeout } from 'node:timers/promises'
import { addSeconds } from 'date-fns'
import {
  createFlowRuns,
  type FlowRun,
  type FlowRunStateInput,
  readFlowRuns,
  setFlowRunState,
  setFlowRunStates,
  type StateType,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const past = new Date('2035-01-01T11:00:00.000Z')
const now = new Date('2035-01-01T12:00:00.123Z')
const due = addSeconds(now, 300)

describeOnDatabases('setFlowRunStates', (t) => {
  const create = async (count: number): Promise<FlowRun[]> =>
    await createFlowRuns(
      t.db,
      Array.from({ length: count }, () => ({ nextScheduledStartTime: past })),
      { now: past },
    )
  const statesOf = async (id: string) =>
    await t.database.plain
      .selectFrom('flow_run_state')
      .select(['id', 'type', 'name', 'message'])
      .where('flow_run_id', '=', id)
      .orderBy('timestamp')
      .execute()

  test('puts each run in a state of its own, as setFlowRunState does', async () => {
    const states = [
      { type: 'RUNNING', message: 'go "on"' },
      { type: 'COMPLETED', timestamp: addSeconds(now, 1) },
      { type: 'SCHEDULED', name: 'AwaitingRetry', scheduledTime: due },
      { type: 'SCHEDULED', scheduledTime: null },
      { type: 'SCHEDULED' },
      { type: 'PENDING', name: 'Submitting', message: null },
    ] satisfies FlowRunStateInput[]
    const stateOf = (n: number): FlowRunStateInput => states[n] ?? { type: 'FAILED' }
    const [many, each] = [await create(states.length), await create(states.length)]
    const changes = many.map(({ id }, n) => ({ id, ...stateOf(n) })).toReversed()
    const { changed, conflicts, missing } = await setFlowRunStates(t.db, changes, { now })
    expect([conflicts, missing]).toEqual([[], []])
    expect(changed.map(({ id }) => id)).toEqual(changes.map(({ id }) => id))
    for (const [n, { id }] of each.entries()) {
      const one = await setFlowRunState(t.db, id, stateOf(n), { now })
      const { id: other = '', flowId, name, stateId } = many[n] ?? {}
      const run = changed.find((run) => run.id === other)
      expect(run).toEqual({ ...one, id: other, flowId, name, stateId: run?.stateId })
      const withoutIds = async (of: string) => (await statesOf(of)).map((state) => ({ ...state, id: undefined }))
      expect(await withoutIds(other)).toEqual(await withoutIds(id))
      expect((await statesOf(other)).map((state) => state.id)).toEqual([stateId, run?.stateId])
    }
    expect(await readFlowRuns(t.db, { filter: { id: { any: many.map(({ id }) => id) } } })).toEqual(
      changed.toReversed(),
    )
  })

  test('names what is missing and what is not as expected, and changes the rest', async () => {
    const runs = await create(4)
    const [a, b, c, d] = runs.map(({ id }) => id) as [string, string, string, string]
    const pending = await setFlowRunState(t.db, b, { type: 'PENDING' })
    const stateless = await t.make.run({ state_type: null })
    const expected = (run: FlowRun | undefined) => run?.stateId ?? undefined
    const changes = [
      { id: stateless, expectedStateId: testId(1) },
      { id: testId(404) },
      { id: d },
      { id: b, expectedStateId: expected(runs[1]) },
      { id: c, expectedStateId: expected(runs[2])?.toUpperCase() },
      { id: testId(405), expectedStateId: testId(1) },
      { id: a.toUpperCase(), expectedStateId: expected(runs[0]) },
    ]
    for (const call of [
      async () =>
        await setFlowRunStates(
          t.db,
          changes.map((change) => ({ ...change, type: 'RUNNING' })),
          { now },
        ),
      async () =>
        await t.db.transaction().execute((trx) =>
          setFlowRunStates(
            trx,
            changes.slice(0, 4).map((change) => ({ ...change, type: 'RUNNING' })),
          ),
        ),
    ]) {
      const { changed, conflicts, missing } = await call()
      const isWhole = missing.length === 2
      expect(changed.map(({ id, stateType }) => [id, stateType])).toEqual(
        (isWhole ? [d, c, a] : [d]).map((id) => [id, 'RUNNING']),
      )
      expect(conflicts).toEqual([
        { id: stateless, stateId: null, stateType: null },
        { id: b, stateId: pending.stateId, stateType: 'PENDING' },
      ])
      expect(missing).toEqual(isWhole ? [testId(404), testId(405)] : [testId(404)])
    }
    expect((await statesOf(b)).map(({ type }) => type)).toEqual(['SCHEDULED', 'PENDING'])
    expect(await statesOf(stateless)).toEqual([])
  })

  test('changes nothing when none is as expected, or none is there', async () => {
    const [run, other] = await create(2)
    const before = await allRows(t.database)
    const expectedStateId = testId(1)
    const ids = [run?.id ?? '', other?.id ?? '']
    const { conflicts } = await setFlowRunStates(
      t.db,
      ids.map((id) => ({ id, type: 'RUNNING', expectedStateId })),
    )
    expect(conflicts).toEqual(
      [run, other].map((run) => ({ id: run?.id, stateId: run?.stateId, stateType: 'SCHEDULED' })),
    )
    const missing = [testId(404), testId(405)]
    expect(
      await setFlowRunStates(
        t.db,
        missing.map((id) => ({ id, type: 'RUNNING' })),
      ),
    ).toEqual({
      changed: [],
      conflicts: [],
      missing,
    })
    expect(await setFlowRunStates(t.db, [])).toEqual({ changed: [], conflicts: [], missing: [] })
    expect(await allRows(t.database)).toEqual(before)
  })

  test('goes back with the caller’s transaction', async () => {
    const runs = await create(3)
    const before = await allRows(t.database)
    const undone = t.db.transaction().execute(async (trx) => {
      const { changed } = await setFlowRunStates(
        trx,
        runs.map(({ id }) => ({ id, type: 'COMPLETED' })),
      )
      expect(changed).toHaveLength(3)
      throw new Error('undo')
    })
    await expect(undone).rejects.toThrow('undo')
    expect(await allRows(t.database)).toEqual(before)
  })

  test('refuses an id that is there twice, in either case', async () => {
    const id = 'abcdefab-cdef-4abc-8def-abcdefabcdef'
    await expect(
      setFlowRunStates(t.db, [
        { id, type: 'RUNNING' },
        { id: testId(1), type: 'RUNNING' },
        { id: id.toUpperCase(), type: 'RUNNING' },
      ]),
    ).rejects.toMatchObject({ issues: [{ path: '2.id', message: 'is there more than once' }] })
  })

  test('takes few statements, however many runs: one on PostgreSQL, for a thousand', async () => {
    const { db, statements } = t.database
    const count = async (call: () => Promise<unknown>): Promise<number> => {
      const before = statements.length
      await call()
      return statements.length - before
    }
    const runs = await create(2500)
    const change = (n: number) => async () => {
      const { changed } = await setFlowRunStates(
        db,
        runs.slice(0, n).map(({ id }) => ({ id, type: 'RUNNING' })),
      )
      expect(changed).toHaveLength(n)
    }
    const isPostgres = t.kind.dialect === 'postgres'
    const [one, ten, thousand, more] = [
      await count(async () => await setFlowRunState(db, runs[0]?.id ?? '', { type: 'PENDING' })),
      await count(change(10)),
      await count(change(1000)),
      await count(change(2500)),
    ]
    // On SQLite begin, the write lock, a look, states, runs, commit.
    expect([one, ten, thousand]).toEqual(isPostgres ? [1, 1, 1] : [6, 6, 6])
    expect(more).toBe(isPostgres ? 6 : 12)
    if (!isPostgres) return
    // In the caller's transaction, one to lock and one to change; and one to find out why not.
    await db.transaction().execute(async (trx) =>
      expect(
        await count(() =>
          setFlowRunStates(trx, [
            { id: runs[0]?.id ?? '', type: 'PENDING' },
            { id: testId(404), type: 'PENDING' },
          ]),
        ),
      ).toBe(3),
    )
  })
})

describeOnDatabases(
  'setFlowRunStates of runs that somebody has locked',
  (t) => {
    test('waits for who writes one, not for who refers to one, and changes all at once', async () => {
      const ids = await t.make.runs([{}, {}, {}])
      const change = async (type: StateType) =>
        await setFlowRunStates(
          t.db,
          ids.map((id) => ({ id, type })),
        )
      const held = ids[1] ?? ''
      const holder = await t.database.plain.startTransaction().execute()
      await holder.selectFrom('flow_run').select('id').where('id', '=', held).forKeyShare().execute()
      expect((await change('PENDING')).changed).toHaveLength(3)
      await holder.updateTable('flow_run').set({ name: 'held' }).where('id', '=', held).execute()
      const waiting = change('RUNNING')
      expect(await Promise.race([waiting, setTimeout(200, 'waits')])).toBe('waits')
      expect((await readFlowRuns(t.db)).map(({ stateType }) => stateType)).toEqual(['PENDING', 'PENDING', 'PENDING'])
      await holder.commit().execute()
      expect((await waiting).changed.map(({ name }) => name)).toContain('held')
    })
  },
  [postgres],
)
