import {
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  deleteWorker,
  ensureWorkQueueExists,
  flowRunCreateSchema,
  flowRunFilterSchema,
  flowRunStateSchema,
  InvalidInputError,
  readFlowRuns,
  readWorkPoolByName,
  readWorkPools,
  readWorkQueueByName,
  readWorkQueues,
  recordWorkerHeartbeat,
  cancelFlowRun,
  setFlowRunState,
  setFlowRunStates,
  updateWorkPool,
  updateWorkQueue,
  workPoolCreateSchema,
  workPoolFilterSchema,
  workPoolUpdateSchema,
  workQueueCreateSchema,
  workQueueFilterSchema,
  workQueueUpdateSchema,
} from 'kysely-work-queues'
import { describe, expect, test } from 'vitest'
import { randomBelow } from '../../support/random-below.js'
import { postgres, sqliteMemory } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { testId } from '../../support/factory.js'
import { prefectDatabases } from '../../support/prefect-databases.js'
import type { Call, Ids } from './inputs/refusals.js'

// Every text that a function takes, at any length. PostgreSQL's indexes hold no entry of a third of a page: a longer one fails there with
// 54000, which costs the caller's transaction, while SQLite takes it.

const flowId = testId(7)

/** Texts that an index holds: of at most 2,000 bytes. */
const indexed: Record<string, Call> = {
  'createWorkQueue name': (db, name) => createWorkQueue(db, { name }),
  'updateWorkQueue name': (db, name, { queue }) => updateWorkQueue(db, queue, { name }),
  'ensureWorkQueueExists name': (db, name) => ensureWorkQueueExists(db, name),
  'readWorkQueueByName name': (db, name) => readWorkQueueByName(db, name),
  'readWorkQueueByName workPoolName': (db, workPoolName) => readWorkQueueByName(db, 'etl', { workPoolName }),
  'createWorkPool name': (db, name) => createWorkPool(db, { name }),
  'createWorkPool type': (db, type) => createWorkPool(db, { name: 'new', type }),
  'readWorkPoolByName name': (db, name) => readWorkPoolByName(db, name),
  'createFlowRuns name': (db, name) => createFlowRuns(db, [{ name }]),
  'createFlowRuns workQueueName': (db, workQueueName) => createFlowRuns(db, [{ workQueueName }]),
  'createFlowRuns stateName': (db, stateName) => createFlowRuns(db, [{ stateName }]),
  'createFlowRuns idempotencyKey': (db, idempotencyKey) => createFlowRuns(db, [{ flowId, idempotencyKey }]),
  'setFlowRunStates name': (db, name, { run }) => setFlowRunStates(db, [{ id: run, type: 'SCHEDULED', name }]),
  'setFlowRunState name': (db, name, { run }) => setFlowRunState(db, run, { type: 'SCHEDULED', name }),
  'recordWorkerHeartbeat name': (db, name, { pool }) => recordWorkerHeartbeat(db, pool, name),
  'deleteWorker name': (db, name, { pool }) => deleteWorker(db, pool, name),
}

/** Texts of any length: what no index holds, and what is only looked for. */
const free: Record<string, Call> = {
  'createWorkQueue description': (db, description) => createWorkQueue(db, { name: 'new', description }),
  'createWorkQueue filter': (db, tag) => createWorkQueue(db, { name: 'new', filter: { tags: [tag] } }),
  'updateWorkQueue description': (db, description, { queue }) => updateWorkQueue(db, queue, { description }),
  'updateWorkQueue filter': (db, tag, { queue }) => updateWorkQueue(db, queue, { filter: { tags: [tag] } }),
  'readWorkQueues name': (db, name) => readWorkQueues(db, { filter: { name: { any: [name] } } }),
  'readWorkQueues name startsWith': (db, name) => readWorkQueues(db, { filter: { name: { startsWith: [name] } } }),
  'createWorkPool description': (db, description) => createWorkPool(db, { name: 'new', description }),
  'createWorkPool baseJobTemplate': (db, text) =>
    createWorkPool(db, { name: 'new', baseJobTemplate: { [text]: text } }),
  'createWorkPool storageConfiguration': (db, text) =>
    createWorkPool(db, { name: 'new', storageConfiguration: { bundle_upload_step: { [text]: text } } }),
  'updateWorkPool description': (db, description, { pool }) => updateWorkPool(db, pool, { description }),
  'updateWorkPool baseJobTemplate': (db, text, { pool }) =>
    updateWorkPool(db, pool, { baseJobTemplate: { [text]: text } }),
  'updateWorkPool storageConfiguration': (db, text, { pool }) =>
    updateWorkPool(db, pool, { storageConfiguration: { bundle_execution_step: { [text]: text } } }),
  'readWorkPools name': (db, name) => readWorkPools(db, { filter: { name: { any: [name] } } }),
  'readWorkPools type': (db, type) => readWorkPools(db, { filter: { type: { any: [type] } } }),
  'createFlowRuns parameters': (db, text) => createFlowRuns(db, [{ parameters: { [text]: text } }]),
  'createFlowRuns context': (db, text) => createFlowRuns(db, [{ context: { [text]: text } }]),
  'createFlowRuns tags': (db, tag) => createFlowRuns(db, [{ tags: [tag] }]),
  'createFlowRuns labels': (db, text) => createFlowRuns(db, [{ labels: { [text]: text } }]),
  'createFlowRuns infrastructurePid': (db, infrastructurePid) => createFlowRuns(db, [{ infrastructurePid }]),
  'createFlowRuns jobVariables': (db, text) => createFlowRuns(db, [{ jobVariables: { [text]: text } }]),
  'createFlowRuns empiricalPolicy': (db, text) =>
    createFlowRuns(db, [{ empiricalPolicy: { pause_keys: [text], [text]: text } }]),
  'readFlowRuns name': (db, name) => readFlowRuns(db, { filter: { name: { any: [name] } } }),
  'readFlowRuns workQueueName': (db, name) => readFlowRuns(db, { filter: { workQueueName: { any: [name] } } }),
  'readFlowRuns stateName': (db, name) => readFlowRuns(db, { filter: { stateName: { any: [name] } } }),
  'readFlowRuns tags': (db, tag) => readFlowRuns(db, { filter: { tags: { all: [tag] } } }),
  'setFlowRunStates message': (db, message, { run }) => setFlowRunStates(db, [{ id: run, type: 'FAILED', message }]),
  'cancelFlowRun message': (db, message, { run }) => cancelFlowRun(db, run, { message }),
  'setFlowRunState message': (db, message, { run }) => setFlowRunState(db, run, { type: 'FAILED', message }),
}

/** Text that does not compress, of so many characters of one, two or four bytes. */
function text(length: number, from: number, span: number): string {
  const below = randomBelow(length)
  return Array.from({ length }, () => String.fromCodePoint(from + below(span))).join('')
}
const letters = (length: number): string => text(length, 0x61, 26)
const emoji = (length: number): string => text(length, 0x1_f300, 200)

describeOnDatabases(
  'long text',
  (t) => {
    const makeRows = async (): Promise<Ids> => {
      const pool = await t.make.pool({ name: 'default-agent-pool' })
      const queue = await t.make.queue({ name: 'etl', work_pool_id: pool })
      return { pool, queue, run: await t.make.run({ work_queue_id: queue }) }
    }

    /** What each call says to each text, each in a transaction that goes on to read and is then undone. */
    const outcomes = async (calls: Record<string, Call>, values: readonly string[]): Promise<Set<string>> => {
      const ids = await makeRows()
      const said = new Set<string>()
      for (const [name, call] of Object.entries(calls)) {
        for (const value of values) {
          const trx = await t.db.startTransaction().execute()
          t.database.statements.length = 0
          const outcome = await call(trx as never, value as never, ids).then(
            () => 'taken',
            (error: unknown) => (error instanceof InvalidInputError ? 'refused' : `${name}: ${String(error)}`),
          )
          said.add(outcome === 'refused' && t.database.statements.length > 0 ? `${name}: refused late` : outcome)
          expect(await readWorkPools(trx as never), name).not.toEqual([])
          await trx.rollback().execute()
        }
      }
      return said
    }

    test('is taken up to 2,000 bytes', async () => {
      const longest = [letters(2000), text(1000, 0xc0, 200), text(666, 0x4e00, 2000), emoji(500)]
      expect(await outcomes({ ...indexed, ...free }, longest)).toEqual(new Set(['taken']))
    })

    test('is refused past 2,000 bytes where an index holds it, and nothing was asked', async () => {
      const tooLong = [letters(2001), text(1001, 0xc0, 200), text(667, 0x4e00, 2000), emoji(501), letters(10_000)]
      expect(await outcomes(indexed, tooLong)).toEqual(new Set(['refused']))
    })

    test('is taken at any length where none does', async () => {
      expect(await outcomes(free, [letters(10_000), emoji(100_000)])).toEqual(new Set(['taken']))
    })
  },
  [sqliteMemory, postgres, ...prefectDatabases],
)

describe('the list of texts', () => {
  const schemas = {
    createWorkQueue: workQueueCreateSchema,
    updateWorkQueue: workQueueUpdateSchema,
    readWorkQueues: workQueueFilterSchema,
    createWorkPool: workPoolCreateSchema,
    updateWorkPool: workPoolUpdateSchema,
    readWorkPools: workPoolFilterSchema,
    createFlowRuns: flowRunCreateSchema,
    readFlowRuns: flowRunFilterSchema,
    setFlowRunState: flowRunStateSchema,
  }

  test('has every input of the schemas that holds text', () => {
    const samples = ['text', ['text'], { bundle_upload_step: { text: 'text' } }, { text: 'text' }]
    const criteria = [{ any: ['text'] }, { all: ['text'] }, { tags: ['text'] }]
    for (const [name, schema] of Object.entries(schemas)) {
      for (const [key, property] of Object.entries(schema.shape)) {
        if (![...samples, ...criteria].some((sample) => property.safeParse(sample).success)) continue
        expect(Object.keys({ ...indexed, ...free })).toContain(`${name} ${key}`)
      }
    }
  })
})
