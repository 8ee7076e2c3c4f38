import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, inject, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

// Each example is a program, or several, that compile as they start.
const TIMEOUT = 120_000

/** Runs an example as a program of its own, on this run's PostgreSQL, and returns what it prints. */
async function run(example: string): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', `examples/${example}.ts`],
    // tsx takes this repository's tsconfig.json, and so the library's sources.
    { cwd: root, env: { ...process.env, DATABASE_URL: inject('databaseUrl') } },
  )
  return stdout
}

test(
  'workers in processes of their own keep the limits, and what dead ones hold is free again',
  {
    timeout: TIMEOUT,
  },
  async () => {
    const printed = await run('postgres-workers')
    const [, inPool, inUrgent] = /most active at once: (\d+) in the pool, (\d+) in "urgent"/.exec(printed) ?? []
    expect(Number(inPool)).toBeGreaterThan(1)
    expect(Number(inPool)).toBeLessThanOrEqual(4)
    expect(Number(inUrgent)).toBeLessThanOrEqual(2)
    expect(printed).toContain('worker-4 was killed')
    const completed = [...printed.matchAll(/completed (\d+) runs/g)].map(([, runs]) => Number(runs))
    expect(completed).toHaveLength(4)
    expect(completed.reduce((sum, runs) => sum + runs)).toBe(40)
    // Each was in the middle of one run, and may have claimed a second.
    expect(printed).toMatch(/leases that expired and were released: [2-4]; late writes refused: [12]\n/)
    // A lease is a second, and a sweep each 20 ms; the rest is for a busy machine.
    const [, late] = /the last was released (\d+) ms after/.exec(printed) ?? []
    expect(Number(late)).toBeLessThan(5000)
    expect(printed).toContain('runs completed: 40, in all 40 times')
    expect(printed).toContain('slots held in the end: 0; workers online: 0')
  },
)

test('a host’s rows and ours are committed and rolled back together', { timeout: TIMEOUT }, async () => {
  const printed = await run('inside-a-transaction')
  expect(printed.match(/invoices: .*/g)).toEqual([
    'invoices: Ada; runs: invoice for Ada',
    'invoices: Ada, Grace; runs: invoice for Ada, invoice for Grace',
    'invoices: Ada; runs: invoice for Ada',
    'invoices: Ada, Edsger; runs: invoice for Ada',
  ])
  expect(printed).toContain('the queue "invoices" is there already')
  expect(printed).toMatch(/Flow run \S+ is handed out:\n/)
})

test('our migrations run merged with a host’s, and under a table name of their own', { timeout: TIMEOUT }, async () => {
  const printed = await run('host-migrations')
  const [merged, own, down] = printed.split(/\n\n/)
  expect(merged).toMatch(
    /Up 2026-11-24_work_queues_tables: Success\n *Up 2026-11-25_work_queues_indexes: Success\n *Up 2026-11-26_work_queues_leases: Success\n *Up 2026-11-26_work_queues_prune: Success\n *Up 2026-12-01_runs_have_customers: Success\n *nothing/,
  )
  expect(merged).toContain('tables: customer, flow_run, flow_run_lease, flow_run_state, kysely_migration,')
  expect(own).toContain('weekly is SCHEDULED in reports')
  expect(own).toContain('tables: customer, kysely_migration, kysely_migration_lock, work_queues.flow_run,')
  expect(down).toMatch(
    /tables: customer, kysely_migration, kysely_migration_lock, work_queues.work_queue_migration, \S+\n$/,
  )
})
