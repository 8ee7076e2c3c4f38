import { createFlowRun, createFlowRuns, readFlowRun, readFlowRuns } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')

describeOnDatabases('createFlowRun', (t) => {
  test('creates a run as createFlowRuns does', async () => {
    const input = { workQueueId: await t.make.queue(), flowId: testId(1), tags: ['a'], parameters: { a: 1 } }
    const { flowRun, created } = await createFlowRun(t.db, input, { now })
    const [other] = await createFlowRuns(t.db, [input], { now })
    expect(created).toBe(true)
    const { id, name, stateId } = flowRun
    expect(flowRun).toEqual({ ...other, id, name, stateId })
    expect(name).toBe(`run-${id}`)
    expect(await readFlowRun(t.db, id)).toEqual(flowRun)
  })

  test('returns the run that has the idempotency key, as it is', async () => {
    const input = { flowId: testId(1), idempotencyKey: 'key' }
    const first = await createFlowRun(t.db, { ...input, name: 'first' })
    const second = await createFlowRun(t.db, { ...input, name: 'second' })
    expect(second).toEqual({ flowRun: first.flowRun, created: false })
    const elsewhere = await createFlowRun(t.db, { ...input, flowId: testId(2) })
    expect(elsewhere.created).toBe(true)
    expect(await readFlowRuns(t.db)).toHaveLength(2)
  })

  test('once, when many create it at once', async () => {
    const input = { flowId: testId(1), idempotencyKey: 'key' }
    const all = await Promise.all(Array.from({ length: 8 }, () => createFlowRun(t.db, input)))
    expect(all.filter(({ created }) => created)).toHaveLength(1)
    expect(new Set(all.map(({ flowRun }) => flowRun.id)).size).toBe(1)
  })

  test('names what is wrong without an index', async () => {
    await createFlowRun(t.db, { id: testId(1) })
    const before = await allRows(t.database)
    const issues = [{ path: 'id', message: 'is taken' }]
    await t.db.transaction().execute(async (trx) => {
      await expect(createFlowRun(trx, { id: testId(1) })).rejects.toMatchObject({ issues })
    })
    await expect(createFlowRun(t.db, { idempotencyKey: 'key' })).rejects.toMatchObject({
      issues: [{ path: 'idempotencyKey', message: 'means nothing without flowId, in which it is unique' }],
    })
    await expect(createFlowRun(t.db, { workQueueId: testId(404) })).rejects.toMatchObject({
      name: 'WorkQueueNotFoundError',
      id: testId(404),
    })
    expect(await allRows(t.database)).toEqual(before)
  })
})
