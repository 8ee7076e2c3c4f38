import { rm } from 'node:fs/promises'
import {
  claimRunsInWorkQueue,
  readWorkPoolByName,
  readWorkQueues,
  takeEvents,
  updateWorkQueue,
} from 'kysely-work-queues'
import { eventLog } from 'kysely-work-queues/migrations'
import { prefectEventName } from 'kysely-work-queues/rules'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectReplayed, readWorld, takeAll, told } from '../../contract/events/replay-events.js'
import { deploy, describeLive, migrate, schedule, unique, writeFlow } from './describe-live.js'

describeLive('the event log on the database of a Prefect server', (live) => {
  const pool = unique('logged')
  let code: { path: string; entrypoint: string }
  let deploymentId: string
  let workQueueId: string

  beforeAll(async () => {
    await migrate(live(), eventLog, 'event_log_migration')
    code = await writeFlow()
  })
  afterAll(async () => {
    await migrate(live(), eventLog, 'event_log_migration', 'down')
    await rm(code.path, { recursive: true, force: true })
  })

  /** What the log has of what is done, which leads from what there was to what there is. */
  const eventsOf = async (act: () => Promise<unknown>): Promise<Awaited<ReturnType<typeof takeAll>>> => {
    expect(await takeAll(live().db)).toEqual([])
    const before = await readWorld(live().db)
    await act()
    const events = await takeAll(live().db)
    expectReplayed(before, events, await readWorld(live().db))
    return events
  }
  const post = (path: string, body: unknown = {}): Promise<any> => live().api('POST', path, body)
  const propose = (id: string, type: string): Promise<any> => post(`/flow_runs/${id}/set_state`, { state: { type } })

  test('has what the server makes and changes of pools, queues and workers', async () => {
    const created = await eventsOf(async () => {
      await post('/work_pools/', { name: pool, type: 'process' })
      await post(`/work_pools/${pool}/queues`, { name: 'etl' })
    })
    const kinds = told(created).filter((text) => !text.includes('defaultQueueId'))
    expect(kinds.slice(0, 3)).toEqual(['work-pool created', 'work-queue created', 'work-queue created'])

    const changed = await eventsOf(async () => {
      await post(`/work_pools/${pool}/workers/heartbeat`, { name: 'w' })
      await live().api('PATCH', `/work_pools/${pool}/queues/etl`, { is_paused: true, concurrency_limit: 3 })
      await live().api('PATCH', `/work_pools/${pool}`, { is_paused: true })
      await live().api('PATCH', `/work_pools/${pool}`, { is_paused: false })
    })
    expect(changed.filter(({ resource }) => resource === 'worker').map(({ after }) => after)).toMatchObject([
      { name: 'w', status: 'ONLINE' },
    ])
    expect(changed.map((event) => prefectEventName(event)).filter((name) => name !== undefined)).toEqual([
      'prefect.work-pool.ready',
      'prefect.work-queue.paused',
      'prefect.work-pool.paused',
      'prefect.work-pool.ready',
    ])
    // A heartbeat that changes no status is none.
    expect(await eventsOf(() => post(`/work_pools/${pool}/workers/heartbeat`, { name: 'w' }))).toEqual([])
  })

  test('has a run from its creation to its end, each state once, and none that the server refused', async () => {
    ;({ deploymentId, workQueueId } = await deploy(live(), { pool, queue: 'default' }, code))
    await takeAll(live().db)
    let id = ''
    const events = await eventsOf(async () => {
      id = await schedule(live(), deploymentId)
      expect(await propose(id, 'PENDING')).toMatchObject({ status: 'ACCEPT' })
      expect(await propose(id, 'PENDING')).toMatchObject({ status: 'ABORT' })
      expect(await propose(id, 'RUNNING')).toMatchObject({ status: 'ACCEPT' })
      expect(await propose(id, 'COMPLETED')).toMatchObject({ status: 'ACCEPT' })
    })
    const ofRun = events.filter(({ resource }) => resource === 'flow-run')
    expect(ofRun.every(({ resourceId }) => resourceId === id)).toBe(true)
    expect(ofRun.map(({ kind }) => kind)).toEqual(['created', ...ofRun.slice(1).map(() => 'updated')])
    const names = ofRun.map((event) => prefectEventName(event)).filter((name) => name !== undefined)
    expect(names).toEqual(['Scheduled', 'Pending', 'Running', 'Completed'].map((name) => `prefect.flow-run.${name}`))

    const deleted = await eventsOf(() => live().api('DELETE', `/flow_runs/${id}`))
    expect(told(deleted)).toEqual(['flow-run deleted'])
  })

  test('has a run that we claim and Prefect’s worker runs, and leaves both at work', async () => {
    const claimed = await eventsOf(async () => {
      await schedule(live(), deploymentId)
      expect((await claimRunsInWorkQueue(live().db, workQueueId)).runs).toHaveLength(1)
    })
    expect(told(claimed).at(-1)).toMatch(/stateType: SCHEDULED -> PENDING/)

    const id = await schedule(live(), deploymentId)
    await takeAll(live().db)
    const events = await eventsOf(() =>
      live().prefect('worker', 'start', '--pool', pool, '--type', 'process', '--run-once', '--name', 'real'),
    )
    const states = events.filter(({ resourceId }) => resourceId === id).map((event) => prefectEventName(event))
    // `Submitting` is a name of Prefect's workers for PENDING.
    expect(states).toEqual(['Pending', 'Submitting', 'Running', 'Completed'].map((name) => `prefect.flow-run.${name}`))
    expect(told(events)).toContain('worker created')
  })

  test('is taken with a transaction, and given back with it, while the server writes', async () => {
    const { db } = live()
    const trx = await db.startTransaction().execute()
    await updateWorkQueue(trx, workQueueId, { description: 'undone' })
    expect(told(await takeEvents(trx))).toEqual([expect.stringContaining('-> undone')])
    await trx.rollback().execute()
    expect(await takeEvents(db)).toEqual([])
    const queues = await eventsOf(async () => {
      for (let n = 0; n < 20; n++)
        await live().api('PATCH', `/work_queues/${workQueueId}`, { concurrency_limit: n + 1 })
    })
    expect(queues.map(({ after }) => (after as { concurrencyLimit: number }).concurrencyLimit)).toEqual(
      Array.from({ length: 20 }, (_, n) => n + 1),
    )
  })

  test('has a pool that the server deletes, with its queues and workers', async () => {
    const { id } = (await readWorkPoolByName(live().db, pool))!
    const queues = await readWorkQueues(live().db, { workPoolId: id })
    const events = await eventsOf(() => live().api('DELETE', `/work_pools/${pool}`))
    const deleted = events.filter(({ kind }) => kind === 'deleted')
    expect(deleted.filter(({ resource }) => resource === 'work-queue')).toHaveLength(queues.length)
    expect(deleted.filter(({ resource }) => resource === 'worker')).toHaveLength(2)
    expect(deleted.filter(({ resourceId }) => resourceId === id)).toHaveLength(1)
  })
})
