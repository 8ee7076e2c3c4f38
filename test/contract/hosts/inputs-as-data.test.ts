import {
  countWorkQueues,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  deleteWorkPool,
  deleteWorkQueue,
  ensureWorkQueueExists,
  getRunsInWorkQueue,
  InvalidInputError,
  readFlowRun,
  readFlowRuns,
  readWorkPool,
  readWorkPoolByName,
  readWorkPools,
  readWorkQueue,
  readWorkQueueByName,
  readWorkQueues,
  readWorkQueueStatus,
  setFlowRunState,
  updateWorkQueue,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { testId } from '../../support/factory.js'

/** Names that are valid, and that something between the caller and the database might take for more than a name. */
const names = [
  "'; drop table work_queue; --",
  `"double" 'single' \`tick\` ''two'' ""`,
  'back\\slash \\n \\u0041 \\',
  '😀 🎉 𝔘𝔫𝔦 👩‍👩‍👧',
  'x'.repeat(1000),
  'x'.repeat(2000),
  'é'.repeat(1000),
  '😀'.repeat(500),
  ' padded ',
  '$1 $2 ? ?1 :name @name',
  '[1]',
  '{"a": 1}',
  '{a,b}',
  'null',
  'NULL',
  'true',
  '42',
  '1e3',
  '__proto__',
  'constructor',
  'toString',
  'line\nbreak\r\n\ttab',
  '\u0001\u007f\u2028\ufeff\uffff',
  'é',
  'e\u0301',
  'snake_case',
  'camelCase',
  '2035-01-01T12:00:00.000Z',
  '00000000-0000-4000-8000-000000000001',
]

/** Text that may hold everything but NUL and lone surrogates. */
const texts = [...names, '', '   ', '100 % & <b>/</b>', 'long '.repeat(20_000)]

const upper = 'ABCDEFAB-CDEF-4ABC-8DEF-ABCDEFABCDEF'
const lower = upper.toLowerCase()

describeOnDatabases('what is taken as data', (t) => {
  test('names of queues', async () => {
    const workPoolId = await t.make.pool({ name: 'default-agent-pool' })
    for (const name of names) {
      const queue = await createWorkQueue(t.db, { name })
      expect(queue.name).toBe(name)
      expect(await readWorkQueue(t.db, queue.id)).toEqual(queue)
      expect(await readWorkQueueByName(t.db, name)).toEqual(queue)
      expect(await ensureWorkQueueExists(t.db, name)).toEqual(queue)
      expect(await readWorkQueues(t.db, { filter: { name: { any: [name], startsWith: [name] } } })).toEqual([queue])
      await expect(createWorkQueue(t.db, { name })).rejects.toMatchObject({ workQueueName: name, workPoolId })
    }
    expect(await countWorkQueues(t.db)).toBe(names.length + 1)
    const { id } = await createWorkQueue(t.db, { name: 'renamed' })
    for (const name of names) await expect(updateWorkQueue(t.db, id, { name })).rejects.toThrow('already has')
  })

  test('names of pools', async () => {
    for (const name of names) {
      const pool = await createWorkPool(t.db, { name, type: name, description: name })
      expect(pool).toMatchObject({ name, type: name, description: name })
      expect(await readWorkPoolByName(t.db, name)).toEqual(pool)
      expect(await readWorkPools(t.db, { filter: { name: { any: [name] }, type: { any: [name] } } })).toEqual([pool])
      expect((await readWorkQueueByName(t.db, 'default', { workPoolName: name }))?.workPoolId).toBe(pool.id)
    }
  })

  test('names of runs, of their queues, and their tags', async () => {
    for (const name of names) {
      const queue = await createWorkQueue(t.db, { name })
      const input = {
        name,
        workQueueName: name,
        stateName: name,
        tags: [name],
        idempotencyKey: name,
        flowId: testId(1),
      }
      const [run] = await createFlowRuns(t.db, [input])
      expect(run).toMatchObject(input)
      expect((await getRunsInWorkQueue(t.db, queue.id)).runs).toEqual([run])
      expect(await createFlowRuns(t.db, [input])).toEqual([run])
      const filter = {
        name: { any: [name] },
        workQueueName: { any: [name] },
        stateName: { any: [name] },
        tags: { all: [name] },
      }
      expect(await readFlowRuns(t.db, { filter })).toEqual([run])
    }
  })

  test('descriptions, messages and all other text', async () => {
    const queue = await createWorkQueue(t.db, { name: 'etl' })
    const [run] = await createFlowRuns(t.db, [{ workQueueId: queue.id }])
    for (const text of texts) {
      await updateWorkQueue(t.db, queue.id, { description: text, filter: { tags: [text] } })
      expect(await readWorkQueue(t.db, queue.id)).toMatchObject({ description: text, filter: { tags: [text] } })
      await setFlowRunState(t.db, run?.id ?? '', { type: 'FAILED', message: text })
    }
    const messages = await t.database.plain
      .selectFrom('flow_run_state')
      .select('message')
      .where('type', '=', 'FAILED')
      .orderBy('timestamp')
      .execute()
    expect(messages.map(({ message }) => message)).toEqual(texts)
  })

  test('JSON of any shape, its keys as they are', async () => {
    const keys = texts.filter((text) => text !== '__proto__' && text.length < 1000)
    const values = Object.fromEntries(keys.map((text) => [text, [text, { [text]: { [text]: [[], {}] } }]]))
    for (const json of [values, { deep: JSON.parse('['.repeat(200) + ']'.repeat(200)) as unknown }]) {
      const labels = Object.fromEntries(keys.map((text, n) => [text, [text, n, n / 3, n % 2 === 0][n % 4]]))
      const columns = { parameters: json, context: json, labels, jobVariables: json, empiricalPolicy: json }
      const [run] = await createFlowRuns(t.db, [columns])
      expect(run).toMatchObject(columns)
      expect(await readFlowRun(t.db, run?.id ?? '')).toEqual(run)
      const pool = await createWorkPool(t.db, { name: `pool ${run?.id}`, baseJobTemplate: json })
      expect((await readWorkPool(t.db, pool.id))?.baseJobTemplate).toEqual(json)
    }
  })

  test('JSON 490 levels deep with a million leaves', async () => {
    let deep: unknown = Array.from({ length: 1_200_000 }, () => 1)
    for (let level = 0; level < 488; level++) deep = [deep]
    const [run] = await createFlowRuns(t.db, [{ parameters: { deep } }])
    const stored = await readFlowRun(t.db, run?.id ?? '')
    expect(JSON.stringify(stored?.parameters)).toBe(JSON.stringify({ deep }))
  })

  test('a key `__proto__` in JSON, which is kept or refused, but not lost', async () => {
    // As an own key, which a literal would not make it.
    const parameters = JSON.parse('{"__proto__": {"a": 1}, "b": {"__proto__": 2}}') as Record<string, unknown>
    const created = await createFlowRuns(t.db, [{ parameters }]).catch((error: unknown) => error)
    if (created instanceof InvalidInputError) return
    const [run] = await readFlowRuns(t.db)
    // PostgreSQL orders keys in its own way.
    expect(new Map(Object.entries(run?.parameters ?? {}))).toEqual(new Map(Object.entries(parameters)))
    expect(Object.keys(run?.parameters ?? {})).toContain('__proto__')
  })

  test('JSON nested too deep, which is kept or refused, but breaks nothing', async () => {
    for (const depth of [500, 5000, 20_000]) {
      const parameters = { deep: JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown }
      const created = await createFlowRuns(t.db, [{ parameters }]).then(
        () => 'kept',
        (error: Error) => error.name,
      )
      expect(['kept', 'InvalidInputError'], `${depth} levels`).toContain(created)
    }
  })

  test('numbers of JSON', async () => {
    const parameters = {
      a: [0, -1, 0.1, 1e21, 1e-7, 5e-324, Number.MAX_VALUE, Number.MAX_SAFE_INTEGER, 123_456_789.125],
    }
    const [run] = await createFlowRuns(t.db, [{ parameters }])
    expect((await readFlowRun(t.db, run?.id ?? ''))?.parameters).toEqual(parameters)
  })

  test('times from the year 1 to the year 9999', async () => {
    const queue = await createWorkQueue(t.db, { name: 'etl' })
    for (const text of [
      '0001-01-01T00:00:00.000Z',
      '0099-12-31T23:59:59.999Z',
      '1969-12-31T23:59:59.999Z',
      '9999-12-31T23:59:59.999Z',
    ]) {
      const time = new Date(text)
      await updateWorkQueue(t.db, queue.id, { lastPolled: time })
      expect((await readWorkQueue(t.db, queue.id))?.lastPolled).toEqual(time)
      expect((await readWorkQueueStatus(t.db, queue.id, { now: time })).healthy).toBe(true)
      const [run] = await createFlowRuns(t.db, [{ workQueueName: text.slice(0, 4), nextScheduledStartTime: time }])
      const filter = { nextScheduledStartTime: { before: time, after: time } }
      expect(await readFlowRuns(t.db, { filter })).toEqual([run])
    }
  })

  test('ids in upper case, which come back in lower case', async () => {
    const workPoolId = (await createWorkPool(t.db, { name: 'pool' })).id
    const queue = await createWorkQueue(t.db, {
      name: 'etl',
      workPoolId: workPoolId.toUpperCase(),
      filter: { deploymentIds: [upper] },
    })
    expect(queue).toMatchObject({ workPoolId, filter: { deploymentIds: [lower] } })
    const ids = { id: upper, flowId: upper, deploymentId: upper, parentTaskRunId: upper }
    const [run] = await createFlowRuns(t.db, [{ ...ids, workQueueId: queue.id.toUpperCase() }])
    expect(run).toMatchObject({ id: lower, flowId: lower, deploymentId: lower, parentTaskRunId: lower })
    expect(await readFlowRun(t.db, upper)).toEqual(run)
    expect((await getRunsInWorkQueue(t.db, queue.id.toUpperCase())).runs).toEqual([run])
    expect(await readFlowRuns(t.db, { filter: { id: { any: [upper] }, flowId: { any: [upper] } } })).toEqual([run])
    expect(await updateWorkQueue(t.db, queue.id.toUpperCase(), { filter: null })).toBe(true)
    expect(await deleteWorkQueue(t.db, queue.id.toUpperCase())).toBe(true)
    expect(await deleteWorkPool(t.db, workPoolId.toUpperCase())).toBe(true)
  })

  test('ids of every version, and of none', async () => {
    for (const id of [
      '00000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
      '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
      '12345678-1234-9234-f234-123456789abc',
    ]) {
      const [run] = await createFlowRuns(t.db, [{ id, flowId: id }])
      expect(await readFlowRun(t.db, id)).toEqual(run)
    }
  })
})
