import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { addHours, addSeconds } from 'date-fns'
import { afterEach, expect, test, vi } from 'vitest'
import { freePort } from '../support/free-port.js'
import { emptyFolder } from '../support/shell.js'
import {
  ACTIVE_NOW,
  type Auditor,
  BROKEN_HISTORIES,
  BY_STATE,
  MOST_ACTIVE,
  NOT_TOLD_ONCE,
  openAuditor,
  RELEASES,
} from './audit-runs.js'
import { clientOf, type Program, startProgram, workedOnTwice } from './orchestrator-processes.js'
import { createEmptyDatabase } from '../support/database-url.js'

const POOL_LIMIT = 4
const URGENT_LIMIT = 2
const LEASE_SECONDS = '4'

const started: Program[] = []
afterEach(async () => {
  await Promise.all(started.splice(0).map((program) => program.kill()))
})

function start(...args: Parameters<typeof startProgram>): Program {
  const program = startProgram(...args)
  started.push(program)
  return program
}

test.each(['SQLite', 'PostgreSQL'])(
  'an orchestrator on %s, whose server and workers are killed, runs every run once and keeps its limits',
  { timeout: 300_000 },
  async (kind) => {
    await using folder = await emptyFolder()
    const url = kind === 'SQLite' ? join(folder.path, 'host.db') : await createEmptyDatabase('orchestrator')
    const port = await freePort()
    const env = { DATABASE_URL: url, PORT: String(port), UPKEEP_SECONDS: '1', LEASE_SECONDS }
    const ask = clientOf(port)
    let server = start('orchestrator-server', env)
    await ask('GET', '/health')
    await using auditor = openAuditor(url)
    const all: Program[] = []
    const work = (WORKER: string): Program => {
      const worker = start('orchestrator-worker', { ...env, WORKER })
      all.push(worker)
      return worker
    }
    const workers = ['ada', 'grace', 'edsger'].map((name) => ({ name, program: work(name) }))
    await using watch = watchSlots(auditor)

    const submit = async (queue: string, n: number, parameters: object, start?: Date): Promise<string> => {
      const run = { queue, name: `${queue} ${n}`, key: `${queue} ${n}`, parameters, nextScheduledStartTime: start }
      const [, { id }] = await ask('POST', '/runs', run)
      return id
    }
    for (let n = 0; n < 26; n++) {
      await submit('urgent', n, { job: 'wait', milliseconds: 100 + 5 * n })
      await submit('bulk', n, { job: 'wait', milliseconds: 300 - 5 * n }, addSeconds(new Date(), n % 5))
    }
    // A request that is sent again, since its answer was lost, makes no second run.
    expect(await submit('bulk', 7, { job: 'wait', milliseconds: 1 })).toBe(await submit('bulk', 7, { job: 'none' }))
    const flaky = await submit('bulk', 50, { job: 'flaky', failures: 1 })
    const hopeless = await submit('bulk', 51, { job: 'flaky', failures: 3 })
    const later = await submit('bulk', 52, { job: 'none' }, addHours(new Date(), 1))
    const endless = await submit('urgent', 50, { job: 'wait', milliseconds: 1_000_000 }, new Date(0))
    expect(await ask('POST', '/runs', { queue: 'none' })).toMatchObject([404, {}])
    expect(await ask('POST', '/runs', { queue: 'bulk', tags: 'x' })).toMatchObject([422, {}])
    expect((await ask('GET', `/runs/${later}`))[1].why).toContain('It is not due until')

    const ended = async (): Promise<number> =>
      (await auditor.query(BY_STATE)).filter(({ state }) => isEnded(state)).reduce((sum, { runs }) => sum + runs, 0)
    for (const round of [1, 2, 3]) {
      const before = await ended()
      await vi.waitFor(async () => expect(await ended()).toBeGreaterThan(before + 8), { timeout: 60_000 })
      const victim = await vi.waitUntil(
        () => workers.find(({ program }) => program.at().some((id) => id !== endless)),
        { timeout: 30_000 },
      )
      await victim.program.kill()
      if (round === 2) {
        await server.kill()
        server = start('orchestrator-server', env)
      }
      victim.program = work(victim.name)
    }
    // One that stands still until its runs are another's can end none of them when it goes on. (On SQLite it might stand still
    // with the only lock for writers.)
    if (kind === 'PostgreSQL') {
      const slow = await vi.waitUntil(() => workers.find(({ program }) => program.at().length > 0), { timeout: 30_000 })
      await slow.program.stall(Number(LEASE_SECONDS) + 3)
    }
    expect((await ask('POST', `/runs/${later}/cancel`))[1]).toMatchObject({ stateType: 'CANCELLED' })
    // While its holder lives, a run is its own, however long; told to stop, the holder stops it.
    await vi.waitUntil(() => workers.some(({ program }) => program.at().includes(endless)), { timeout: 30_000 })
    const { stateId } = (await ask('GET', `/runs/${endless}`))[1].flowRun
    await setTimeout((Number(LEASE_SECONDS) + 2) * 1000)
    expect((await ask('GET', `/runs/${endless}`))[1].flowRun).toMatchObject({ stateType: 'RUNNING', stateId })
    expect((await ask('POST', `/runs/${endless}/cancel`))[1]).toMatchObject({ stateType: 'CANCELLING' })
    await vi.waitFor(async () => expect(await ended()).toBe(56), { timeout: 120_000, interval: 200 })
    expect((await ask('POST', `/runs/${later}/cancel`))[0]).toBe(409)
    expect((await ask('GET', `/runs/${hopeless}`))[1].flowRun).toMatchObject({ stateType: 'FAILED', runCount: 3 })
    await ask('POST', `/runs/${hopeless}/retry`)
    await vi.waitFor(
      async () =>
        expect((await ask('GET', `/runs/${hopeless}`))[1].flowRun).toMatchObject({
          stateType: 'COMPLETED',
          runCount: 4,
        }),
      { timeout: 30_000 },
    )
    expect((await ask('GET', `/runs/${flaky}`))[1].flowRun).toMatchObject({ stateType: 'COMPLETED', runCount: 2 })

    const [, { pool, queues, runs }] = await ask('GET', '/stats')
    expect(pool).toMatchObject({ active: 0, openSlots: POOL_LIMIT, due: 0, workersOnline: 3 })
    expect(queues).toMatchObject([{ workQueueName: 'urgent', active: 0, openSlots: URGENT_LIMIT }, {}, {}])
    expect(runs).toMatchObject({ COMPLETED: 54, CANCELLED: 2 })

    // Of each end it was told once, though a server was killed.
    await vi.waitFor(async () => expect(await auditor.query(NOT_TOLD_ONCE)).toEqual([]), { timeout: 10_000 })

    // Told to stop, they end what they began.
    expect(await Promise.all(workers.map(({ program }) => program.stop()))).toEqual([0, 0, 0])
    expect(await server.stop()).toBe(0)
    const snapshots = await watch.end()

    expect(await auditor.query(BY_STATE)).toEqual([
      { state: 'CANCELLED', runs: 2 },
      { state: 'COMPLETED', runs: 54 },
    ])
    expect(await auditor.query(ACTIVE_NOW)).toEqual([])
    expect(await auditor.query(BROKEN_HISTORIES)).toEqual([])
    expect(workedOnTwice(all)).toEqual([])
    const most = await auditor.query(MOST_ACTIVE)
    expect(most.map(({ queue }) => queue)).toEqual(['bulk', 'urgent'])
    for (const { queue, in_queue: inQueue, in_pool: inPool } of [...most, ...snapshots]) {
      expect(inPool).toBeLessThanOrEqual(POOL_LIMIT)
      if (queue === 'urgent') expect(inQueue).toBeLessThanOrEqual(URGENT_LIMIT)
    }
    expect(snapshots.length).toBeGreaterThan(50)
    // Each of the three that were killed had begun something.
    const releases = await auditor.query(RELEASES)
    process.stdout.write(`${kind}: ${JSON.stringify({ looks: snapshots.length, most, releases })}\n`)
    expect(releases.reduce((sum, { times }) => sum + times, 0)).toBeGreaterThanOrEqual(3)
  },
)

test('the example starts its programs, and all of them end when it is told to', { timeout: 120_000 }, async () => {
  await using folder = await emptyFolder()
  const port = await freePort()
  const env = { DATABASE_URL: join(folder.path, 'host.db'), PORT: String(port) }
  const example = start('../orchestrator', env)
  const ask = clientOf(port)
  const [, { id }] = await ask('POST', '/runs', { queue: 'bulk', parameters: { job: 'wait', milliseconds: 1 } })
  await vi.waitFor(
    async () => expect((await ask('GET', `/runs/${id}`))[1].flowRun).toMatchObject({ stateType: 'COMPLETED' }),
    { timeout: 60_000 },
  )
  await vi.waitFor(
    async () => {
      const [, { workers }] = await ask('GET', '/workers')
      expect(workers.map(({ name }: { name: string }) => name).toSorted()).toEqual(['ada', 'edsger', 'grace'])
    },
    { timeout: 60_000 },
  )
  expect(await example.stop()).toBe(0)
})

/** Looks at the slots again and again until its end, which has each look. */
function watchSlots(auditor: Auditor): AsyncDisposable & { end(): Promise<Record<string, any>[]> } {
  const looks: Record<string, any>[] = []
  const over = new AbortController()
  const watching = (async () => {
    while (!over.signal.aborted) {
      const now = await auditor.query(ACTIVE_NOW)
      const inPool = now.reduce((sum, { active }) => sum + active, 0)
      for (const { queue, active } of now) looks.push({ queue, in_queue: active, in_pool: inPool })
      await setTimeout(50)
    }
  })()
  const end = async (): Promise<Record<string, any>[]> => {
    over.abort()
    await watching
    return looks
  }
  return { end, [Symbol.asyncDispose]: async () => void (await end()) }
}

function isEnded(state: string): boolean {
  return ['COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED'].includes(state)
}
