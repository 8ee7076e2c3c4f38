import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { addMinutes } from 'date-fns'
import {
  createFlowRuns,
  readWorkers,
  readWorkPoolByName,
  readWorkQueueByName,
  readWorkQueues,
  setFlowRunState,
} from 'kysely-work-queues'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { startServer, type TestServer } from './serve-example.js'

// Prefect's own command line against the example's server. Runs where `PREFECT_COMMAND` names the command, as it does in
// `npm run test:prefect`.

const command = process.env['PREFECT_COMMAND']

// Each command is a new Python process, which takes seconds to start.
const TIMEOUT = 300_000

describeOnDatabases(
  'the real `prefect` command with the example of a REST server',
  (t) => {
    let home: string
    beforeAll(async () => {
      home = await mkdtemp(join(tmpdir(), 'kysely-work-queues-'))
    })
    afterAll(async () => await rm(home, { recursive: true, force: true }))

    const prefect = async (server: TestServer, ...args: string[]): Promise<string> => {
      const env = { ...process.env, PREFECT_API_URL: server.url, PREFECT_HOME: home, NO_COLOR: '1', COLUMNS: '200' }
      const { stdout } = await promisify(execFile)(command ?? '', args, { env })
      return stdout
    }

    test.skipIf(command === undefined)('manages work queues', { timeout: TIMEOUT }, async () => {
      await using server = await startServer(t.db)
      const run = async (...args: string[]): Promise<string> => await prefect(server, 'work-queue', ...args)

      expect(await run('create', 'etl', '--limit', '3')).toContain("name - 'etl'")
      expect(await readWorkQueueByName(t.db, 'etl')).toMatchObject({ concurrencyLimit: 3, priority: 2 })
      await expect(run('create', 'etl')).rejects.toMatchObject({
        stdout: expect.stringContaining("Work queue with name: 'etl' already exists."),
      })

      expect(await run('pause', 'etl', '--pool', 'default-agent-pool')).toContain('paused')
      expect(await readWorkQueueByName(t.db, 'etl')).toMatchObject({ isPaused: true, status: 'PAUSED' })
      expect(await run('ls')).toMatch(/etl \(\*\*\).*default-agent-pool/)
      expect(await run('resume', 'etl')).toContain('resumed')
      expect(await readWorkQueueByName(t.db, 'etl')).toMatchObject({ isPaused: false, status: 'NOT_READY' })

      const queue = await readWorkQueueByName(t.db, 'etl')
      await createFlowRuns(t.db, [
        { name: 'running', workQueueId: queue?.id, nextScheduledStartTime: new Date() },
        { name: 'waiting', workQueueId: queue?.id, nextScheduledStartTime: new Date() },
      ]).then(async ([first]) => await setFlowRunState(t.db, first?.id ?? '', { type: 'RUNNING' }))
      const inspected = JSON.parse(await run('inspect', 'etl', '--output', 'json'))
      expect(inspected).toMatchObject({ id: queue?.id, name: 'etl', concurrency_limit: 3, status: 'NOT_READY' })
      expect(inspected.status_details).toMatchObject({ healthy: false, late_runs_count: 0 })
      const slots = JSON.parse(await run('slots', 'etl', '--output', 'json'))
      expect(slots).toMatchObject({ active_slots: 1, flow_runs: [{ name: 'running', state_type: 'RUNNING' }] })
      const preview = await run('preview', 'etl', '--hours', '1')
      expect(preview).toContain('waiting')
      expect(preview).not.toContain('running')

      await run('set-concurrency-limit', 'etl', '7')
      expect(await readWorkQueueByName(t.db, 'etl')).toMatchObject({ concurrencyLimit: 7 })
      await run('clear-concurrency-limit', 'etl')
      expect(await readWorkQueueByName(t.db, 'etl')).toMatchObject({ concurrencyLimit: null })
      await run('delete', 'etl', '--pool', 'default-agent-pool')
      expect(await readWorkQueues(t.db)).toMatchObject([{ name: 'default' }])
    })

    test.skipIf(command === undefined)('manages work pools and their queues', { timeout: TIMEOUT }, async () => {
      await using server = await startServer(t.db)
      expect(await prefect(server, 'work-pool', 'create', 'mine', '--type', 'process')).toContain('mine')
      await prefect(server, 'work-pool', 'set-concurrency-limit', 'mine', '4')
      await prefect(server, 'work-queue', 'create', 'gpu', '--pool', 'mine', '--priority', '1')
      expect(await readWorkQueues(t.db, { orderBy: 'priority' })).toMatchObject([
        { name: 'gpu', priority: 1 },
        { name: 'default', priority: 2 },
      ])
      expect(await prefect(server, 'work-queue', 'ls', '--pool', 'mine')).toMatch(/gpu[^]*default|default[^]*gpu/)
      await prefect(server, 'work-pool', 'pause', 'mine')
      expect(await prefect(server, 'work-pool', 'inspect', 'mine')).toMatch(/is_paused=True[^]*concurrency_limit=4/)
      expect(await prefect(server, 'work-pool', 'ls')).toContain('mine (**)')
      await prefect(server, 'work-pool', 'delete', 'mine', '--no-prompt')
      expect(await readWorkQueues(t.db)).toEqual([])
    })

    test.skipIf(command === undefined)('starts a worker, which polls', { timeout: TIMEOUT }, async () => {
      await using server = await startServer(t.db)
      await prefect(server, 'work-pool', 'create', 'mine', '--type', 'process')
      await prefect(server, 'worker', 'start', '--pool', 'mine', '--name', 'w', '--run-once')
      const pool = await readWorkPoolByName(t.db, 'mine')
      expect(pool).toMatchObject({ status: 'READY' })
      expect(await readWorkers(t.db, pool?.id ?? '')).toMatchObject([{ name: 'w', status: 'ONLINE' }])
      expect(await readWorkQueues(t.db)).toMatchObject([{ status: 'READY', lastPolled: expect.any(Date) }])

      const nextScheduledStartTime = addMinutes(new Date(), 5)
      await createFlowRuns(t.db, [{ name: 'soon', workQueueId: pool?.defaultQueueId, nextScheduledStartTime }])
      expect(await prefect(server, 'work-pool', 'preview', 'mine', '--hours', '1')).toContain('soon')
    })
  },
  [sqliteMemory, postgres],
)
