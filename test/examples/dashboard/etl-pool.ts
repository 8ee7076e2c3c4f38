import { addHours, subSeconds } from 'date-fns'
import type { Kysely } from 'kysely'
import {
  claimRunsInWorkQueue,
  createFlowRuns,
  readWorkPoolByName,
  readWorkQueueByName,
  readWorkQueues,
  recordWorkerHeartbeat,
  setFlowRunState,
  type WorkPool,
  type WorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { makeWorkPool, makeWorkQueue } from 'kysely-work-queues/testing'
import type { Locator, Page } from 'playwright-core'

type Db = Kysely<WorkQueueTables>

/** A pool with three queues and the default one, and what waits and runs in them. */
export async function setUpEtl(db: Db): Promise<void> {
  const { id: workPoolId } = await makeWorkPool(db, { name: 'etl', concurrencyLimit: 4 })
  const urgent = await makeWorkQueue(db, { name: 'urgent', workPoolId, priority: 1, concurrencyLimit: 2 })
  await makeWorkQueue(db, { name: 'nightly', workPoolId })
  await makeWorkQueue(db, { name: 'backfill', workPoolId })
  await recordWorkerHeartbeat(db, workPoolId, 'ada')
  const start = subSeconds(new Date(), 90)
  await createFlowRuns(
    db,
    ['first', 'second', 'third'].map((name, n) => ({
      name,
      workQueueId: urgent.id,
      nextScheduledStartTime: new Date(start.getTime() + n),
    })),
  )
  await createFlowRuns(db, [{ name: 'tomorrow', workQueueId: urgent.id, nextScheduledStartTime: addHours(start, 24) }])
  const { runs } = await claimRunsInWorkQueue(db, urgent.id, { holder: 'ada', recordPolls: true })
  await setFlowRunState(db, runs[0]?.id ?? '', { type: 'RUNNING' })
}

export const rowOf = (page: Page, name: string): Locator =>
  page.getByRole('listitem').filter({ has: page.getByRole('link', { name, exact: true }) })
export const poolOf = (page: Page, name: string): Locator => page.getByRole('region', { name })
export const textsOf = async (locator: Locator): Promise<string[]> => await locator.allInnerTexts()

/** The queues from top to bottom, each with the priority that its row shows. */
export async function queuesOnPage(page: Page): Promise<string[]> {
  const rows = page.locator('.queue')
  const names = await textsOf(rows.locator('a'))
  const priorities = await textsOf(rows.locator('.handle'))
  return names.map((name, n) => `${priorities[n]?.trim()} ${name}`)
}

export async function queuesInDatabase(db: Db): Promise<string[]> {
  return (await readWorkQueues(db, { orderBy: 'priority' })).map(({ priority, name }) => `${priority} ${name}`)
}

export async function queueIn(db: Db, name: string): Promise<WorkQueue | undefined> {
  return await readWorkQueueByName(db, name, { workPoolName: 'etl' })
}

export async function poolIn(db: Db): Promise<WorkPool | undefined> {
  return await readWorkPoolByName(db, 'etl')
}
