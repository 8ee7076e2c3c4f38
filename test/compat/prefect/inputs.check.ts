import { createFlowRuns, createWorkPool, InvalidInputError, type JsonObject } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeLive, unique } from './describe-live.js'

/** How Prefect would spell it, but does not mind: it makes the number, or the boolean, of it that it needs. We do not take it. */
const ONLY_PREFECTS: readonly JsonObject[] = [{ retries: '3' }, { retries: true }, { resuming: 'yes' }, { resuming: 1 }]

const policies: readonly JsonObject[] = [
  {},
  { retries: 3, retry_delay: 60, max_retries: 0, retry_delay_seconds: 0, pause_keys: ['a'], resuming: true },
  { retries: null, retry_delay: null, pause_keys: null, resuming: null, retry_type: null },
  { retry_type: 'in_process', more: { nested: [1] } },
  { retry_type: 'reschedule', retry_delay_seconds: 1.5, retry_delay: 2 },
  { retries: 'x' },
  { retries: 1.5 },
  { retries: {} },
  { retry_delay: 1.5 },
  { max_retries: null },
  { retry_delay_seconds: null },
  { retry_delay_seconds: 1.5 },
  { retry_delay_seconds: 1.5, retry_delay: 0 },
  { pause_keys: 'a' },
  { pause_keys: [1] },
  { pause_keys: {} },
  { resuming: 'maybe' },
  { retry_type: 'x' },
  ...ONLY_PREFECTS,
]

const labels: readonly JsonObject[] = [
  {},
  { text: 'ü', integer: 2 ** 53, number: -1.5, boolean: false },
  { a: null },
  { a: { b: 1 } },
  { a: [] },
]

const storageConfigurations: readonly JsonObject[] = [
  {},
  { bundle_upload_step: { a: [1] }, bundle_execution_step: null, default_result_storage_block_id: null },
  { default_result_storage_block_id: 'ABCDEFAB-CDEF-4ABC-8DEF-ABCDEFABCDEF' },
  { more: {} },
  { bundle_upload_step: 'x' },
  { bundle_execution_step: [] },
  { default_result_storage_block_id: 'x' },
  { default_result_storage_block_id: 7 },
]

const poolNames = ["''", '""', `' "'`, "'a'", '"', 'ü 😀', 'a/b', 'a>b']
const runNames = ['prod/2025-01-14/batch-12345', 'load 50% of A & B', ' ', "''", 'ü 😀']

describeLive('what we take', (live) => {
  const outcome = async (made: Promise<unknown>): Promise<'taken' | 'refused'> =>
    await made.then(
      () => 'taken',
      (error: unknown) => {
        if (!(error instanceof InvalidInputError) && !String(error).includes('422')) throw error
        return 'refused'
      },
    )

  test.each([
    ['empirical_policy', 'empiricalPolicy', policies],
    ['labels', 'labels', labels],
    ['name', 'name', runNames],
  ] as const)('as %s of a run, Prefect takes too, and reads it again', async (theirKey, ourKey, values) => {
    const { api, db } = live()
    const flow = await api('POST', '/flows/', { name: unique('flow') })
    let taken = 0
    for (const value of values) {
      const theirs = await outcome(api('POST', '/flow_runs/', { flow_id: flow.id, [theirKey]: value }))
      const made = createFlowRuns(db, [{ flowId: flow.id, [ourKey]: value }])
      if (theirs === 'taken') taken++
      const expected = ONLY_PREFECTS.includes(value as JsonObject) ? 'refused' : theirs
      expect(await outcome(made), JSON.stringify(value)).toBe(expected)
      if (expected === 'refused') continue
      taken++
      const [run] = await made
      expect(await api('GET', `/flow_runs/${run?.id}`)).toMatchObject({ id: run?.id, name: run?.name })
    }
    expect(await api('POST', '/flow_runs/filter', { flows: { id: { any_: [flow.id] } } })).toHaveLength(taken)
  })

  test('as storage configuration or name of a pool, Prefect takes too, and reads it again', async () => {
    const { api, db } = live()
    const ids: string[] = []
    const inputs = [
      ...storageConfigurations.map((storage) => ({ name: () => unique('storage'), storage })),
      ...poolNames.map((name) => ({ name: () => name, storage: {} })),
    ]
    for (const { name, storage } of inputs) {
      const theirName = name()
      const asked = api('POST', '/work_pools/', { name: theirName, type: 'process', storage_configuration: storage })
      const theirs = await outcome(asked)
      if (theirs === 'taken') await api('DELETE', `/work_pools/${encodeURIComponent(theirName)}`)
      const made = createWorkPool(db, { name: name(), type: 'process', storageConfiguration: storage })
      expect(await outcome(made), `${theirName} ${JSON.stringify(storage)}`).toBe(theirs)
      if (theirs === 'refused') continue
      const pool = await made
      ids.push(pool.id)
      expect(await api('GET', `/work_pools/${encodeURIComponent(pool.name)}`)).toMatchObject({ id: pool.id })
    }
    expect(await api('POST', '/work_pools/filter', { work_pools: { id: { any_: ids } } })).toHaveLength(ids.length)
  })
})
