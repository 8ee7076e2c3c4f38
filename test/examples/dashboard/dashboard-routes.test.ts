import { subSeconds } from 'date-fns'
import { Hono } from 'hono'
import {
  claimRunsInWorkQueue,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  explainFlowRun,
  explainWorkQueue,
  readWorkQueue,
  recordWorkerHeartbeat,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { ChangeFeed } from '../../../examples/dashboard/change-feed.js'
import { createDashboard } from '../../../examples/dashboard/create-dashboard.js'
import { postgres, sqliteMemory } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { testId } from '../../support/factory.js'
import { prefectDatabases } from '../../support/prefect-databases.js'

const patch = (body: unknown): RequestInit => ({
  method: 'PATCH',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

describeOnDatabases(
  'the server of the dashboard',
  (t) => {
    test('tells at a glance of pools and queues, and of slots and workers where a pool is open', async () => {
      const pool = await createWorkPool(t.db, { name: 'etl', concurrencyLimit: 3 })
      const queue = await createWorkQueue(t.db, { name: 'urgent', workPoolId: pool.id, priority: 1 })
      const start = subSeconds(new Date(), 5)
      await createFlowRuns(t.db, [
        { name: 'a', workQueueId: queue.id, nextScheduledStartTime: start },
        { name: 'b', workQueueId: queue.id, nextScheduledStartTime: new Date() },
      ])
      await recordWorkerHeartbeat(t.db, pool.id, 'ada')
      const { runs } = await claimRunsInWorkQueue(t.db, queue.id, { limit: 1, recordPolls: true })
      const dashboard = createDashboard(t.db)

      const closed: any = await (await dashboard.request('/api/overview')).json()
      expect(closed.pools).toEqual([
        expect.objectContaining({ workPoolName: 'etl', concurrencyLimit: 3, active: 1, due: 1, workersOnline: 1 }),
      ])
      expect(closed.queues.map((row: any) => [row.workQueueName, row.active, row.due, row.isPolled])).toEqual([
        ['urgent', 1, 1, true],
        ['default', 0, 0, false],
      ])
      expect(closed.open).toEqual({})

      const opened: any = await (await dashboard.request(`/api/overview?open=${pool.id},${testId(99)}`)).json()
      expect(opened.open).toEqual({
        [pool.id]: {
          holders: [
            {
              flowRunId: runs[0]?.id,
              name: 'a',
              stateType: 'PENDING',
              workQueueId: queue.id,
              since: expect.stringMatching(/Z$/),
            },
          ],
          workers: [{ name: 'ada', status: 'ONLINE', lastHeartbeatTime: expect.stringMatching(/Z$/) }],
        },
      })
    })

    test('explains a queue and a run', async () => {
      const queue = await createWorkQueue(t.db, { name: 'etl', isPaused: true })
      const now = new Date()
      const [run] = await createFlowRuns(t.db, [
        { name: 'a', workQueueId: queue.id, nextScheduledStartTime: subSeconds(now, 5) },
      ])
      const { id = '' } = run ?? {}
      const dashboard = createDashboard(t.db, { now: () => now })
      const asSent = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
      expect(await (await dashboard.request(`/api/queues/${queue.id}`)).json()).toEqual({
        lastPolled: null,
        reasons: asSent((await explainWorkQueue(t.db, queue.id, { now })).reasons),
        waiting: [{ id, name: 'a', stateName: 'Scheduled', start: subSeconds(now, 5).toISOString() }],
      })
      const { handedOut, reasons } = await explainFlowRun(t.db, id, { now })
      expect(handedOut).toBe(false)
      expect(await (await dashboard.request(`/api/runs/${id}`)).json()).toEqual({
        name: 'a',
        stateName: 'Scheduled',
        handedOut,
        reasons: asSent(reasons),
      })
    })

    test('checks what it is told by the library’s schemas, and answers errors by the one table', async () => {
      const queue = await createWorkQueue(t.db, { name: 'etl' })
      const dashboard = createDashboard(t.db)
      const status = async (path: string, init?: RequestInit): Promise<number> =>
        (await dashboard.request(path, init)).status
      const path = `/api/queues/${queue.id}`
      expect(await status(path, patch({ concurrencyLimit: 3 }))).toBe(204)
      const refused = await dashboard.request(path, patch({ concurrencyLimit: -1, name: 'other' }))
      expect(refused.status).toBe(422)
      const { exception_detail: details }: any = await refused.json()
      expect(details.map(({ loc, msg }: any) => [...loc, msg])).toEqual([
        ['body', 'concurrencyLimit', 'Input should be greater than or equal to 0'],
        ['body', 'name', 'Extra inputs are not permitted'],
      ])
      expect(await readWorkQueue(t.db, queue.id)).toMatchObject({ name: 'etl', concurrencyLimit: 3 })
      const pool = `/api/pools/${queue.workPoolId}`
      expect(await status(pool, patch({ isPaused: 1 }))).toBe(422)
      expect(await status(`${pool}/priorities`, patch({ [queue.id]: 0 }))).toBe(422)
      expect(await status(`${pool}/priorities`, patch({ 'not an id': 2 }))).toBe(422)
      expect(await status(`${pool}/priorities`, patch({ [queue.id]: 7 }))).toBe(204)
      expect(await readWorkQueue(t.db, queue.id)).toMatchObject({ priority: 7 })
      for (const missing of [`/api/queues/${testId(99)}`, `/api/pools/${testId(99)}`]) {
        expect(await status(missing, patch({ isPaused: true }))).toBe(404)
      }
      expect(await status(`/api/runs/${testId(99)}`)).toBe(404)
      expect(await status('/api/queues/none')).toBe(422)
      expect(await status('/api/none')).toBe(404)
      expect(await status(path, { method: 'DELETE' })).toBe(404)
    })
  },
  [sqliteMemory, postgres, ...prefectDatabases],
)

describeOnDatabases(
  'the dashboard, mounted by a host,',
  (t) => {
    test('lies under the host’s path, with and without a slash at its end, and leaves all else to the host', async () => {
      const host = new Hono()
      host.get('/', (c) => c.text('host'))
      host.route('/ops/queues', createDashboard(t.db))
      const redirect = await host.request('/ops/queues')
      expect([redirect.status, redirect.headers.get('location')]).toEqual([302, 'queues/'])
      const page = await host.request('/ops/queues/')
      expect(await page.text()).toContain('<title>Work queues</title>')
      expect(page.headers.get('content-security-policy')).toContain("default-src 'self'")
      expect((await host.request('/ops/queues/main.js')).headers.get('content-type')).toMatch(/^text\/javascript/)
      expect((await host.request('/ops/queues/api/overview')).status).toBe(200)
      expect((await host.request('/ops/queues/../../package.json')).status).toBe(404)
      expect((await host.request('/ops/queues/%2e%2e%2fload.ts')).status).toBe(404)
      expect(await (await host.request('/')).text()).toBe('host')
      expect((await host.request('/', {})).headers.get('content-security-policy')).toBeNull()
    })

    test('an answer in which nothing changed is not sent again, but for the time', async () => {
      await createWorkPool(t.db, { name: 'etl' })
      const dashboard = createDashboard(t.db)
      const first = await dashboard.request('/api/overview')
      const etag = first.headers.get('etag') ?? ''
      const second = await dashboard.request('/api/overview', { headers: { 'if-none-match': etag } })
      expect([second.status, await second.text()]).toEqual([304, ''])
      expect(Date.parse(second.headers.get('x-server-time') ?? '')).toBeGreaterThan(0)
      await createWorkPool(t.db, { name: 'reports' })
      await expect
        .poll(async () => (await dashboard.request('/api/overview', { headers: { 'if-none-match': etag } })).status)
        .toBe(200)
    })

    test('many pages that look at once cost the database as much as one, and each sees what was told before', async () => {
      const pool = await createWorkPool(t.db, { name: 'etl' })
      const changes = new ChangeFeed()
      const dashboard = createDashboard(t.db, { changes })
      const look = async (): Promise<any> => await (await dashboard.request(`/api/overview?open=${pool.id}`)).json()
      await look()
      changes.tell()
      const before = t.database.statements.length
      await Promise.all(Array.from({ length: 20 }, look))
      // The figures of pools and of queues, and who holds slots and who works in the one that is open.
      expect(t.database.statements.slice(before)).toHaveLength(4)
      await createWorkQueue(t.db, { name: 'new', workPoolId: pool.id })
      changes.tell()
      expect((await look()).queues).toHaveLength(2)
    })
  },
  [sqliteMemory],
)
