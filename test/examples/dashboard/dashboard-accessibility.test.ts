import axe from 'axe-core'
import { addSeconds } from 'date-fns'
import type { Kysely } from 'kysely'
import { readWorkQueueByName, updateWorkPool, type WorkQueueTables } from 'kysely-work-queues'
import { createTestClock } from 'kysely-work-queues/testing'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { Load } from '../../../examples/dashboard/load.js'
import { type Dashboard, useDashboard } from './use-dashboard.js'

const open = useDashboard()

/** A minute and more of the example's own load, up to a moment at which a lease has expired. */
async function openLoaded(options: Parameters<typeof open>[0] = {}): Promise<Dashboard> {
  const clock = createTestClock()
  const setUp = async (db: Kysely<WorkQueueTables>): Promise<void> => {
    const load = await Load.setUp(db, { start: clock.now() })
    const end = addSeconds(clock.now(), 71.5)
    while (clock.now() < end) await load.step(clock.advance({ seconds: 0.5 }))
  }
  const prepare = async (page: Page): Promise<void> => await page.clock.setFixedTime(clock.now())
  return await open({ setUp, prepare, now: clock.now, hasChanges: false, ...options })
}

/** What axe finds that is serious or critical, by rule and element. */
async function faults(page: Page): Promise<string[]> {
  // As a debugger does, since the page itself takes scripts from its server only.
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate<{ violations: readonly Violation[] }>('axe.run(document)')
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`))
}

interface Violation {
  readonly id: string
  readonly impact: string | null
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
}

/** How far the page is wider than the screen. */
async function overflow(page: Page): Promise<number> {
  return await page.locator(':root').evaluate((root) => root.scrollWidth - root.clientWidth)
}

const SCREENS = (['light', 'dark'] as const).flatMap((scheme) => [360, 1400].map((width) => [scheme, width] as const))

test.each(SCREENS)(
  'axe finds no serious fault, and nothing overflows: %s, %i pixels wide',
  async (colorScheme, width) => {
    const { page, db } = await openLoaded({ colorScheme, width })
    await page.locator('.card[data-expired]').first().waitFor()
    expect(await faults(page)).toEqual([])
    expect(await overflow(page)).toBe(0)

    const { workPoolId } = (await readWorkQueueByName(db, 'urgent', { workPoolName: 'etl' })) ?? { workPoolId: '' }
    await updateWorkPool(db, workPoolId, { isPaused: true })
    await page.getByRole('link', { name: 'backfill', exact: true }).click()
    const panel = page.getByRole('complementary')
    await panel.locator('.run').nth(3).click()
    await panel.getByText('The work pool "etl" is paused.').nth(1).waitFor()
    expect(await faults(page)).toEqual([])
    expect(await overflow(page)).toBe(0)
    await panel.getByRole('button', { name: 'Close' }).click()

    await page.getByRole('button', { name: 'Change the limit of backfill' }).click()
    await page.getByRole('dialog').waitFor()
    expect(await faults(page)).toEqual([])
    await page.keyboard.press('Escape')
    await page.getByLabel('Find a pool or queue').fill('nothing of this name')
    await page.getByText('No pool or queue has “nothing of this name” in its name.').waitFor()
    expect(await faults(page)).toEqual([])
  },
)

test('whatever its width, the page shows all that it has', async () => {
  const { page } = await openLoaded()
  await page.locator('.card[data-expired]').first().waitFor()
  const cut = async (): Promise<string[]> =>
    await page
      .locator('header, .row, .row .name, .places, .card, .card p, .worker, .panel, .panel-head, .run')
      .evaluateAll((all) =>
        all
          .filter((one) => one.scrollWidth > one.clientWidth + 1 && one.offsetParent !== null)
          .map((one) => one.outerHTML),
      )
  for (const width of [320, 360, 480, 640, 768, 900, 1024, 1200, 1400, 1920]) {
    await page.setViewportSize({ width, height: 800 })
    expect(await overflow(page), `${width}`).toBe(0)
    expect(await cut(), `${width}`).toEqual([])
  }
  await page.getByRole('link', { name: 'backfill', exact: true }).click()
  await page.locator('.run').nth(3).click()
  await page.locator('.why:visible').waitFor()
  for (const width of [320, 360, 640, 900, 1024, 1200, 1400, 1920]) {
    await page.setViewportSize({ width, height: 800 })
    expect(await overflow(page), `${width}`).toBe(0)
    expect(await cut(), `${width}`).toEqual([])
  }
})

test('axe is a test: it finds what is taken away', async () => {
  const { page } = await openLoaded()
  await page.locator('.queue').first().waitFor()
  await page.locator(':root').evaluate((root) => root.removeAttribute('lang'))
  await page.locator('h1').evaluate((heading) => (heading.style.color = '#aaa'))
  const found = await faults(page)
  expect(found.map((fault) => fault.split(':')[0])).toEqual(['color-contrast', 'html-has-lang'])
})

test('everything is done with a keyboard alone', async () => {
  const { page, db } = await openLoaded()
  await page.locator('.queue').first().waitFor()
  const press = async (...keys: string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key)
  }
  const focused = (): Promise<string> =>
    page.evaluate(
      "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.slice(0, 80)",
    )
  const tabTo = async (wanted: RegExp): Promise<void> => {
    for (let n = 0; n < 60 && !wanted.test(await focused()); n++) await press('Tab')
    expect(await focused()).toMatch(wanted)
  }
  const backfill = async (): Promise<object | undefined> =>
    await readWorkQueueByName(db, 'backfill', { workPoolName: 'etl' })

  // Only what is looked for is left.
  await press('/')
  await page.keyboard.type('back')
  await expect.poll(() => page.locator('.queue').count()).toBe(1)
  await press('Escape')
  await expect.poll(() => page.locator('.queue').count()).toBe(6)

  await tabTo(/^etl$/)
  await press('Enter')
  await expect.poll(() => page.locator('.queue').count()).toBe(3)
  await press('Enter')
  await expect.poll(() => page.locator('.queue').count()).toBe(6)

  await tabTo(/^Priority 3, backfill/)
  await press('ArrowUp')
  await expect.poll(backfill).toMatchObject({ priority: 2 })
  await tabTo(/^backfill$/)
  const link = await focused()
  await press('Enter')
  await expect.poll(focused).toMatch(/^backfill in etl$/)
  // They come a moment after the panel.
  await page.locator('.run').first().waitFor()
  await tabTo(/^backfill-\d+/)
  await press('Enter')
  await page.locator('.why:visible').waitFor()
  expect(await page.locator('.why:visible').innerText()).toMatch(/has no open slot of/)
  await press('Escape')
  expect(await page.locator('#panel').isVisible()).toBe(false)
  expect(await focused()).toBe(link)

  await tabTo(/Change the limit of backfill$/)
  await press('Enter')
  await page.getByRole('dialog').waitFor()
  await page.keyboard.type('4')
  await press('Enter')
  await expect.poll(backfill).toMatchObject({ concurrencyLimit: 4 })
  await tabTo(/^Pause backfill$/)
  await press('Enter')
  await expect.poll(backfill).toMatchObject({ isPaused: true })
  await expect.poll(focused).toBe('Resume backfill')
})

test('on a narrow screen a queue covers the rest, which is out of reach until it is closed', async () => {
  const { page } = await openLoaded({ width: 360, height: 640 })
  await page.getByRole('link', { name: 'urgent', exact: true }).click()
  const panel = page.getByRole('complementary')
  expect(await panel.boundingBox()).toMatchObject({ x: 0, y: 0, width: 360, height: 640 })
  for (let n = 0; n < 40; n++) {
    await page.keyboard.press('Tab')
    expect(await page.locator('main :focus, header :focus').count()).toBe(0)
  }
  await page.goBack()
  await expect.poll(() => panel.isVisible()).toBe(false)
  expect(await page.locator('main').getAttribute('inert')).toBeNull()
})
