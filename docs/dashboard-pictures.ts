import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createTestClock, createTestSession } from 'kysely-work-queues/testing'
import type { Page } from 'playwright-core'
import { ChangeFeed } from '../examples/dashboard/change-feed.js'
import { createDashboard } from '../examples/dashboard/create-dashboard.js'
import { Load } from '../examples/dashboard/load.js'
import { serveApp } from '../examples/rest-server/serve.js'
import { startBrowser } from '../test/support/start-browser.js'
import { shrinkPng } from './png.js'

// A worker has died, and its leases have just expired.
const SECONDS = 71.5

const SHOTS = [
  { name: 'wide', width: 1400, height: 860, scale: 1, show: showWhy },
  { name: 'narrow', width: 360, height: 760, scale: 2, show: async () => {} },
]

/**
 * Takes the pictures of the page of the example that is a dashboard, by their names: after a while of its own load by a clock that is set, so
 * that the same sources make the same pictures.
 */
export async function takePictures(): Promise<Map<string, Buffer>> {
  await using db = await createTestSession()
  const clock = createTestClock()
  const load = await Load.setUp(db, { start: clock.now() })
  for (let step = 0; step < SECONDS * 2; step++) await load.step(clock.advance({ seconds: 0.5 }))

  const server = serveApp(createDashboard(db, { now: clock.now, changes: new ChangeFeed() }), 0)
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const browser = await startBrowser()
  const pictures = new Map<string, Buffer>()
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const { name, width, height, scale, show } of SHOTS) {
      const viewport = { width, height }
      const page = await browser.newPage({ viewport, colorScheme, timezoneId: 'UTC', deviceScaleFactor: scale })
      await page.clock.setFixedTime(clock.now())
      await page.goto(url)
      await page.locator('.card[data-expired]').first().waitFor()
      await page.getByText('Live').waitFor()
      await show(page)
      pictures.set(`dashboard-${name}-${colorScheme}.png`, shrinkPng(await page.screenshot()))
      await page.close()
    }
  }
  await browser.close()
  server.close()
  server.closeAllConnections()
  return pictures
}

/** Opens a queue, and the explanation of a run that waits in it. */
async function showWhy(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'backfill' }).click()
  await page.locator('.run').nth(2).click()
  await page.locator('.why:visible').waitFor()
  await page.locator('h1').click()
}
