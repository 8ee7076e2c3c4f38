import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { addSeconds } from 'date-fns'
import type { Kysely } from 'kysely'
import {
  claimRunsInWorkQueue,
  recordWorkerHeartbeat,
  runUpkeep,
  setFlowRunState,
  updateWorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { makeFlowRuns, makeWorkPool, makeWorkQueue } from 'kysely-work-queues/testing'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { createDashboard } from '../../../examples/dashboard/create-dashboard.js'
import { serveApp } from '../../../examples/rest-server/serve.js'
import { stopServer, useDashboard } from './use-dashboard.js'

const open = useDashboard()

let workPoolId: string
let workQueueId: string

async function setUp(db: Kysely<WorkQueueTables>): Promise<void> {
  workPoolId = (await makeWorkPool(db, { name: 'etl' })).id
  workQueueId = (await makeWorkQueue(db, { name: 'urgent', workPoolId, priority: 1, concurrencyLimit: 2 })).id
  await recordWorkerHeartbeat(db, workPoolId, 'ada', { heartbeatIntervalSeconds: 5 })
}

const urgent = (page: Page): Promise<string> =>
  page
    .getByRole('listitem')
    .filter({ has: page.getByRole('link', { name: 'urgent' }) })
    .innerText()
const mode = (page: Page): Promise<string> => page.locator('#connection').innerText()
const states = (page: Page): Promise<(string | null)[]> =>
  page
    .locator('.queue')
    .first()
    .locator('.place')
    .evaluateAll((all) => all.map((place) => place.getAttribute('data-state')))

test('changes are seen as they are made, whoever makes them, and only then is asked again', async () => {
  const { page, db, requests } = await open({ setUp })
  await expect.poll(() => mode(page)).toBe('Live')
  const asked = (): number => requests.filter((request) => request.includes('/api/overview')).length
  await page.waitForTimeout(400)
  const before = asked()
  const began = Date.now()
  await updateWorkQueue(db, workQueueId, { isPaused: true })
  await expect.poll(() => urgent(page), { interval: 20 }).toMatch(/Paused/)
  // Sooner than the page looks by itself.
  expect(Date.now() - began).toBeLessThan(4500)
  await makeFlowRuns(db, 3, { workQueueId })
  await expect.poll(() => urgent(page)).toMatch(/0 of 2\s+3\s+0/)
  await page.waitForTimeout(600)
  // Two changes, seen by two answers or a few more, and a look besides each five seconds.
  expect(asked() - before).toBeGreaterThanOrEqual(2)
  await page.waitForTimeout(1500)
  expect(asked() - before).toBeLessThanOrEqual(5 + Math.ceil((Date.now() - began) / 5000))
})

test.each([
  ['the server has none', false, undefined],
  ['the stream is refused', true, (page: Page) => page.route('**/api/changes', (route) => route.abort())],
])('without a stream, since %s, the page looks every two seconds', async (_, hasChanges, prepare) => {
  const { page, db, requests, complaints } = await open({ setUp, hasChanges, ...(prepare && { prepare }) })
  await expect.poll(() => mode(page)).toBe('Looks every 2 s')
  expect(requests.some((request) => request.includes('/api/changes'))).toBe(hasChanges)
  await updateWorkQueue(db, workQueueId, { isPaused: true })
  await expect.poll(() => urgent(page), { timeout: 6000 }).toMatch(/Paused/)
  await updateWorkQueue(db, workQueueId, { isPaused: false })
  await expect.poll(() => urgent(page), { timeout: 6000 }).not.toMatch(/Paused/)
  // The browser says what was refused, and nothing else.
  expect(complaints.splice(0).filter((complaint) => !complaint.includes('ERR_FAILED'))).toEqual([])
})

test('a worker dies: its lease expires before the eyes of the page, upkeep gives its slots back, and they are open', async () => {
  const { page, db } = await open({ setUp })
  await makeFlowRuns(db, 3, { workQueueId })
  const { runs } = await claimRunsInWorkQueue(db, workQueueId, { holder: 'ada', leaseSeconds: 2 })
  await setFlowRunState(db, runs[0]?.id ?? '', { type: 'RUNNING' })
  await expect.poll(() => states(page)).toEqual(['RUNNING', 'PENDING'])
  const cards = page.locator('.card')
  expect(await cards.locator('.lease').allInnerTexts()).toEqual(Array(2).fill(expect.stringMatching(/^lease [012] s$/)))
  expect(await page.locator('.card[data-expired]').count()).toBe(0)

  // Nobody renews it.
  await expect.poll(() => page.locator('.card[data-expired]').count(), { timeout: 6000 }).toBe(2)
  expect(await cards.first().innerText()).toMatch(/ada\s+for \d s\s+lease expired \d s ago/)
  await expect.poll(() => page.locator('.place[data-expired]').count(), { timeout: 8000 }).toBeGreaterThanOrEqual(2)

  const { changed } = await runUpkeep(db, { now: addSeconds(new Date(), 20), lateAfterSeconds: 3600 })
  expect(changed.releaseExpiredLeases).toHaveLength(2)
  await expect.poll(() => states(page)).toEqual([null, null])
  // The pool has no limit, so that no open place is drawn there.
  await expect.poll(() => cards.count()).toBe(0)
  // One was RUNNING and is CRASHED; the other waits again, with the third.
  await expect.poll(() => urgent(page)).toMatch(/0 of 2\s+2\s+0/)
  await expect.poll(() => page.locator('.worker').innerText()).toMatch(/^ada offline, heard/)
  expect(await page.locator('.pool-head').innerText()).toMatch(/Not ready[^]*\s0\s+Pause$/)
})

test('a server that goes away is missed, and found again', async () => {
  const { page, db, url, server, complaints } = await open({ setUp })
  await expect.poll(() => mode(page)).toBe('Live')
  await stopServer(server)
  await expect.poll(() => mode(page), { timeout: 8000 }).toBe('No connection')
  expect(await urgent(page)).toMatch(/0 of 2/)
  await page.getByRole('button', { name: 'Pause urgent' }).click()
  await expect.poll(() => page.getByRole('alert').innerText()).toBe('The server does not answer. Nothing was changed.')

  await updateWorkQueue(db, workQueueId, { concurrencyLimit: 5 })
  const again = serveApp(createDashboard(db), Number(new URL(url).port))
  await once(again, 'listening')
  expect((again.address() as AddressInfo).port).toBe(Number(new URL(url).port))
  await expect.poll(() => urgent(page), { timeout: 8000 }).toMatch(/0 of 5/)
  await expect.poll(() => mode(page)).not.toBe('No connection')
  await stopServer(again)
  await expect.poll(() => mode(page), { timeout: 8000 }).toBe('No connection')
  for (const complaint of complaints.splice(0))
    expect(complaint).toMatch(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED/)
})
