import { sql, type Kysely } from 'kysely'
import { updateWorkQueue, type WorkQueueTables } from 'kysely-work-queues'
import { makeFlowRuns, makeWorkPool, makeWorkQueue } from 'kysely-work-queues/testing'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { useDashboard } from './use-dashboard.js'

const open = useDashboard()

const POOLS = 5
const QUEUES = 100
let queueId: string

/** 500 queues in five pools, a run in each. */
async function setUp(db: Kysely<WorkQueueTables>): Promise<void> {
  const runs: { workQueueId: string }[] = []
  for (let p = 1; p <= POOLS; p++) {
    const { id: workPoolId, defaultQueueId } = await makeWorkPool(db, { name: `pool-${p}`, concurrencyLimit: 20 })
    runs.push({ workQueueId: defaultQueueId ?? '' })
    for (let q = 1; q < QUEUES; q++) {
      const { id } = await makeWorkQueue(db, { name: `queue-${p}-${q}`, workPoolId, priority: q + 1 })
      runs.push({ workQueueId: id })
      if (p === 2 && q === 50) queueId = id
    }
  }
  await makeFlowRuns(db, 1, { workQueueId: queueId })
  for (const { workQueueId } of runs.slice(0, 20)) await makeFlowRuns(db, 2, { workQueueId })
}

// In the page. Times go on by themselves, and do not count.
const COUNT_MUTATIONS = `
  window.mutations = 0
  const isTime = (node) => (node instanceof Element ? node : node.parentElement)?.closest('time') != null
  new MutationObserver((records) => {
    for (const { type, target, addedNodes, removedNodes } of records) {
      if (!isTime(target)) window.mutations += type === 'childList' ? addedNodes.length + removedNodes.length : 1
    }
  }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true })`

/** Counts what is changed in the page from now on. */
async function countMutations(page: Page): Promise<() => Promise<number>> {
  if (await page.evaluate("typeof mutations === 'undefined'")) await page.evaluate(COUNT_MUTATIONS)
  const before = await page.evaluate<number>('mutations')
  return async () => (await page.evaluate<number>('mutations')) - before
}

const nodes = (page: Page): Promise<number> => page.locator('*').count()

test('of 500 queues no more is rendered than is to be seen, and of that what changed', async () => {
  const { page, db, requests } = await open({ setUp })
  await page.getByText('100 queues').nth(4).waitFor()
  const asked = (): number => requests.filter((request) => request.startsWith('GET /api/')).length
  await expect.poll(() => page.locator('#connection').innerText()).toBe('Live')

  // Closed, a pool costs a line.
  expect(await page.locator('.queue').count()).toBe(0)
  expect(await nodes(page)).toBeLessThan(500)
  await page.getByRole('button', { name: 'pool-2', exact: true }).click()
  await expect.poll(() => page.locator('.queue').count()).toBe(QUEUES)
  await expect.poll(() => page.locator('.card').count()).toBe(20)
  expect(await nodes(page)).toBeLessThan(600 + QUEUES * 25)

  const before = asked()
  const mutations = await countMutations(page)
  await makeFlowRuns(db, 3, { workQueueId: queueId })
  const row = page.locator('.queue').filter({ hasText: 'queue-2-50' })
  await expect.poll(() => row.locator('.due .value').innerText()).toBe('4')
  // The figure of the queue, of its pool, and of all.
  expect(await mutations()).toBeGreaterThan(0)
  expect(await mutations()).toBeLessThan(20)
  await updateWorkQueue(db, queueId, { isPaused: true })
  await expect.poll(() => row.innerText()).toContain('Paused')
  expect(await mutations()).toBeLessThan(40)
  expect(asked() - before).toBeLessThan(12)

  // The last becomes the first: one row moves.
  const moved = await countMutations(page)
  await updateWorkQueue(db, queueId, { priority: 1 })
  await expect.poll(() => page.locator('.queue a').first().innerText()).toBe('queue-2-50')
  // Each that moved down says its new priority, in a text and to a reader.
  expect(await moved()).toBeLessThan(3 * 51 + 10)

  // And the last again, where no other has to say anything new.
  const movedBack = await countMutations(page)
  await updateWorkQueue(db, queueId, { priority: 1000 })
  await expect.poll(() => page.locator('.queue a').last().textContent()).toBe('queue-2-50')
  expect(await movedBack()).toBeLessThan(10)

  // With nothing new, nothing is touched.
  const idle = await countMutations(page)
  const askedBefore = asked()
  await expect.poll(asked, { timeout: 8000 }).toBeGreaterThan(askedBefore)
  await page.waitForTimeout(200)
  expect(await idle()).toBe(0)
})

test('a queue among 500 is found by a part of its name, in whatever pool', async () => {
  const { page, db } = await open({ setUp })
  await page.getByText('100 queues').nth(4).waitFor()
  await page.getByLabel('Find a pool or queue').fill('QUEUE-3-7')
  await expect
    .poll(() => page.locator('.queue a').allInnerTexts())
    .toEqual(['queue-3-7', ...[...Array(10).keys()].map((n) => `queue-3-7${n}`)])
  expect(await page.locator('.pool').count()).toBe(1)

  // Moved among what is found, it is moved in the whole pool.
  await page.getByRole('button', { name: /^Priority \d+, queue-3-71$/ }).focus()
  await page.keyboard.press('ArrowUp')
  await expect
    .poll(
      async () =>
        (
          await sql<{ name: string }>`
      select queue.name from work_queue as queue join work_pool as pool on pool.id = queue.work_pool_id
      where pool.name = 'pool-3' and queue.priority between 70 and 73 order by queue.priority`.execute(db)
        ).rows,
    )
    .toEqual(['queue-3-69', 'queue-3-71', 'queue-3-70', 'queue-3-72'].map((name) => ({ name })))

  await page.getByLabel('Find a pool or queue').fill('pool-4')
  await expect.poll(() => page.locator('.pool').count()).toBe(1)
  expect(await page.locator('.queue').count()).toBe(0)
  await page.getByLabel('Find a pool or queue').fill('')
  await expect.poll(() => page.locator('.pool').count()).toBe(POOLS)
})
