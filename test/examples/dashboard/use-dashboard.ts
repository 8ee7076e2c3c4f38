import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Kysely } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { eventLog } from 'kysely-work-queues/migrations'
import { createTestSession } from 'kysely-work-queues/testing'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { ChangeFeed, feedByEvents } from '../../../examples/dashboard/change-feed.js'
import { createDashboard } from '../../../examples/dashboard/create-dashboard.js'
import { serveApp } from '../../../examples/rest-server/serve.js'
import { startBrowser } from '../../support/start-browser.js'

/** What a test opens. */
interface Options {
  /** Makes what is there before the page is opened. */
  readonly setUp?: (db: Kysely<WorkQueueTables>) => Promise<unknown>
  /** Does something to the page before it is opened. */
  readonly prepare?: (page: Page) => Promise<unknown>
  readonly width?: number
  readonly height?: number
  readonly colorScheme?: 'light' | 'dark'
  /** Whether the server tells of changes. */
  readonly hasChanges?: boolean
  readonly now?: () => Date
}

/** The dashboard in a browser, on a database of its own. */
export interface Dashboard {
  readonly page: Page
  readonly db: Kysely<WorkQueueTables>
  readonly url: string
  readonly server: Server
  /** What the page asked for so far, as `GET /api/overview`. */
  readonly requests: string[]
  /** What the browser complained about: each test says which of it has to be. */
  readonly complaints: string[]
}

/**
 * Starts a browser for the tests of a file, and returns what opens the dashboard in it. After each test it is checked that the page asked
 * for nothing elsewhere, and that the browser had nothing to complain about.
 */
export function useDashboard(): (options?: Options) => Promise<Dashboard> {
  let browser: Browser
  const opened: { dashboard: Dashboard; context: BrowserContext; stop: AbortController; fed: Promise<void> }[] = []
  beforeAll(async () => {
    browser = await startBrowser()
  })
  afterAll(async () => await browser.close())

  afterEach(async () => {
    for (const { dashboard, context, stop, fed } of opened.splice(0)) {
      await context.close()
      await stopServer(dashboard.server)
      stop.abort()
      await fed
      await dashboard.db.destroy()
      expect(dashboard.complaints).toEqual([])
      expect(dashboard.requests.filter((request) => !request.includes(' /'))).toEqual([])
      expect(dashboard.requests.length).toBeGreaterThan(5)
    }
  })

  return async ({ setUp, prepare, width = 1400, height = 900, colorScheme = 'light', hasChanges = true, now } = {}) => {
    const db = await createTestSession({ migrations: eventLog })
    await setUp?.(db)
    const changes = new ChangeFeed()
    const stop = new AbortController()
    const fed = hasChanges ? feedByEvents(db, changes, stop.signal) : Promise.resolve()
    const server = serveApp(createDashboard(db, { changes: hasChanges ? changes : undefined, now }), 0)
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

    const context = await browser.newContext({ viewport: { width, height }, colorScheme, timezoneId: 'UTC' })
    const page = await context.newPage()
    const requests: string[] = []
    const complaints: string[] = []
    page.on('request', (request) => requests.push(`${request.method()} ${request.url().replace(url, '')}`))
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(String(error)))
    const dashboard = { page, db, url, server, requests, complaints }
    opened.push({ dashboard, context, stop, fed })
    await prepare?.(page)
    await page.goto(`${url}/`)
    return dashboard
  }
}

/** Stops a server, also when pages are still connected. */
export async function stopServer(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}
