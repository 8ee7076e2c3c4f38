import { sql } from 'kysely'
import {
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  recordWorkQueuePolls,
  setFlowRunState,
  updateWorkQueue,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { databases, postgres } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { testId } from '../../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')

describeOnDatabases(
  'rows are stored as Prefect stores them',
  (t) => {
    /** The columns of the one row of a table, each as its storage class and its text. */
    const stored = async (
      table: string,
      columns: readonly string[],
      where = sql`1 = 1`,
    ): Promise<Record<string, unknown>> => {
      const list = columns.map(
        (column) => sql`typeof(${sql.ref(column)}) || ' ' || coalesce(${sql.ref(column)}, '')
        as ${sql.id(column)}`,
      )
      const { rows } = await sql<Record<string, unknown>>`
        select ${sql.join(list)} from ${sql.table(table)} where ${where}
      `.execute(t.database.plain)
      expect(rows).toHaveLength(1)
      return rows[0] ?? {}
    }

    test('a queue', async () => {
      const filter = { tags: ['é', '"'], deploymentIds: [testId(1).toUpperCase()] }
      const queue = await createWorkQueue(t.db, { name: 'etl', filter, isPaused: true, concurrencyLimit: 5 }, { now })
      const columns = [
        'id',
        'created',
        'updated',
        'filter',
        'description',
        'is_paused',
        'concurrency_limit',
        'last_polled',
      ]
      expect(await stored('work_queue', columns, sql`name = 'etl'`)).toEqual({
        id: `text ${queue.id}`,
        created: 'text 2035-01-01 12:00:00.123000',
        updated: 'text 2035-01-01 12:00:00.123000',
        filter: `text {"tags": ["\\u00e9", "\\""], "deployment_ids": ["${testId(1)}"]}`,
        description: 'text ',
        is_paused: 'integer 1',
        concurrency_limit: 'integer 5',
        last_polled: 'null ',
      })
      await recordWorkQueuePolls(t.db, { polledWorkQueueIds: [queue.id], readyWorkQueueIds: [], now })
      await updateWorkQueue(t.db, queue.id, { isPaused: false, filter: null }, { now })
      expect(await stored('work_queue', ['is_paused', 'filter', 'last_polled', 'status'], sql`name = 'etl'`)).toEqual({
        is_paused: 'integer 0',
        filter: 'null ',
        last_polled: 'text 2035-01-01 12:00:00.123000',
        status: 'text READY',
      })
    })

    test('a filter of one key has the other as null', async () => {
      await createWorkQueue(t.db, { name: 'etl', filter: { tags: [] } })
      expect(await stored('work_queue', ['filter'], sql`name = 'etl'`)).toEqual({
        filter: 'text {"tags": [], "deployment_ids": null}',
      })
    })

    test('a pool', async () => {
      await createWorkPool(t.db, { name: 'pool', baseJobTemplate: { a: { b: [1, { c: [] }] }, d: '😀' } }, { now })
      expect(await stored('work_pool', ['created', 'base_job_template', 'is_paused', 'storage_configuration'])).toEqual(
        {
          created: 'text 2035-01-01 12:00:00.123000',
          base_job_template: 'text {"a": {"b": [1, {"c": []}]}, "d": "\\ud83d\\ude00"}',
          is_paused: 'integer 0',
          storage_configuration: 'text {}',
        },
      )
    })

    test('a run and its states', async () => {
      const input = {
        id: testId(1),
        tags: ['a', 'b'],
        labels: { a: 1.5 },
        autoScheduled: true,
        nextScheduledStartTime: now,
      }
      await createFlowRuns(t.db, [input], { now })
      const columns = ['next_scheduled_start_time', 'tags', 'labels', 'parameters', 'auto_scheduled', 'total_run_time']
      expect(await stored('flow_run', columns)).toEqual({
        next_scheduled_start_time: 'text 2035-01-01 12:00:00.123000',
        tags: 'text ["a", "b"]',
        labels: 'text {"a": 1.5}',
        parameters: 'text {}',
        auto_scheduled: 'integer 1',
        total_run_time: 'text 1970-01-01 00:00:00.000000',
      })
      await setFlowRunState(t.db, testId(1), { type: 'PENDING', timestamp: now })
      expect(await stored('flow_run_state', ['timestamp', 'type', 'message'], sql`type = 'PENDING'`)).toEqual({
        timestamp: 'text 2035-01-01 12:00:00.123001',
        type: 'text PENDING',
        message: 'null ',
      })
    })
  },
  databases.filter(({ dialect }) => dialect === 'sqlite'),
)

describeOnDatabases(
  'rows are stored as Prefect stores them',
  (t) => {
    test('absent JSON is the SQL null, and present JSON is no text inside JSON', async () => {
      await createWorkQueue(t.db, { name: 'plain' })
      await createWorkQueue(t.db, { name: 'filter', filter: { tags: ['a'] } })
      await createFlowRuns(t.db, [{ tags: ['a'], labels: null, jobVariables: null, parameters: { a: '1' } }])
      const { rows: queues } = await sql`
        select name, jsonb_typeof(filter) as filter from work_queue where name <> 'default' order by name
      `.execute(t.database.plain)
      expect(queues).toEqual([
        { name: 'filter', filter: 'object' },
        { name: 'plain', filter: null },
      ])
      const { rows: runs } = await sql`
        select jsonb_typeof(tags) as tags, jsonb_typeof(parameters) as parameters, labels is null as labels,
          job_variables is null as job_variables
        from flow_run
      `.execute(t.database.plain)
      expect(runs).toEqual([{ tags: 'array', parameters: 'object', labels: true, job_variables: true }])
    })
  },
  [postgres],
)
