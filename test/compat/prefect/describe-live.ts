import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Migration } from 'kysely'
import { afterAll, beforeAll, describe, inject } from 'vitest'
import { Migrator, NO_MIGRATIONS } from '../../support/migrator.js'
import { type Live, openLive } from './server.js'

/** Runs checks on both live databases. Checks of a file go on from each other. */
export function describeLive(title: string, checks: (live: () => Live) => void): void {
  describe.each(inject('prefects').map((place) => [place.dialect, place] as const))(`${title} (%s)`, (_, place) => {
    let live: Live
    beforeAll(() => {
      live = openLive(place)
    })
    afterAll(async () => await live[Symbol.asyncDispose]())
    checks(() => live)
  })
}

let counter = 0

/** A name that no other check uses. */
export function unique(name: string): string {
  return `${name}-${process.pid}-${++counter}`
}

/** A flow and a deployment of it on a queue, made by Prefect. */
export async function deploy(
  live: Live,
  place: { pool: string; queue?: string },
  more: object = {},
): Promise<{ flowId: string; deploymentId: string; workQueueId: string }> {
  const flow = await live.api('POST', '/flows/', { name: unique('flow') })
  const deployment = await live.api('POST', '/deployments/', {
    name: unique('deployment'),
    flow_id: flow.id,
    work_pool_name: place.pool,
    ...(place.queue !== undefined && { work_queue_name: place.queue }),
    ...more,
  })
  return { flowId: flow.id, deploymentId: deployment.id, workQueueId: deployment.work_queue_id }
}

/** A run of a deployment, made by Prefect, due at a time. */
export async function schedule(live: Live, deploymentId: string, at = new Date(), more: object = {}): Promise<string> {
  const run = await live.api('POST', `/deployments/${deploymentId}/create_flow_run`, {
    state: { type: 'SCHEDULED', state_details: { scheduled_time: at.toISOString() } },
    ...more,
  })
  return run.id
}

const FLOW = `
from prefect import flow

@flow
def hello(n: int = 1):
    return n + 1
`

/** A flow that Prefect can run, in a folder that the caller removes: what a deployment of it says of its code. */
export async function writeFlow(): Promise<{ path: string; entrypoint: string }> {
  const path = await mkdtemp(join(tmpdir(), 'kysely-work-queues-flow-'))
  await writeFile(join(path, 'flow.py'), FLOW)
  return { path, entrypoint: 'flow.py:hello' }
}

/** Runs some of our migrations, under a table name of their own: the database is Prefect's. */
export async function migrate(
  { db }: Live,
  records: Record<string, Migration>,
  table: string,
  direction: 'up' | 'down' = 'up',
): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => records },
    migrationTableName: table,
    migrationLockTableName: `${table}_lock`,
  })
  const { error } = direction === 'up' ? await migrator.migrateToLatest() : await migrator.migrateTo(NO_MIGRATIONS)
  if (error !== undefined) throw error
}
