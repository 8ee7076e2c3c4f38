import { sql } from 'kysely'
import { deleteWorkQueue } from 'kysely-work-queues'
import { makeFlowRuns } from 'kysely-work-queues/testing'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import {
  poolIn,
  poolOf,
  queueIn,
  queuesInDatabase,
  queuesOnPage,
  rowOf,
  setUpEtl as setUp,
  textsOf,
} from './etl-pool.js'
import { useDashboard } from './use-dashboard.js'

const open = useDashboard()

test('a queue is paused and resumed', async () => {
  const { page, db } = await open({ setUp })
  await page.getByRole('button', { name: 'Pause urgent' }).click()
  await page.getByRole('button', { name: 'Resume urgent' }).waitFor()
  expect(await rowOf(page, 'urgent').innerText()).toContain('Paused')
  expect(await queueIn(db, 'urgent')).toMatchObject({ isPaused: true, status: 'PAUSED' })
  await expect.poll(() => page.locator('#say').innerText()).toBe('urgent is paused')

  await page.getByRole('button', { name: 'Resume urgent' }).click()
  await page.getByRole('button', { name: 'Pause urgent' }).waitFor()
  expect(await rowOf(page, 'urgent').innerText()).toContain('Ready')
  expect(await queueIn(db, 'urgent')).toMatchObject({ isPaused: false, status: 'READY' })
})

test('a pool is paused and resumed', async () => {
  const { page, db } = await open({ setUp })
  await page.getByRole('button', { name: 'Pause etl' }).click()
  await page.getByRole('button', { name: 'Resume etl' }).waitFor()
  expect(await poolOf(page, 'etl').locator('.pool-head').innerText()).toContain('Paused')
  expect(await poolIn(db)).toMatchObject({ isPaused: true, status: 'PAUSED' })

  await page.getByRole('button', { name: 'Resume etl' }).click()
  await page.getByRole('button', { name: 'Pause etl' }).waitFor()
  expect(await poolIn(db)).toMatchObject({ isPaused: false, status: 'READY' })
})

test('a limit is set and taken away, of a queue and of a pool; what the field does not take is not sent', async () => {
  const { page, db, requests } = await open({ setUp })
  const dialog = page.getByRole('dialog')
  await page.getByRole('button', { name: 'Change the limit of nightly' }).click()
  await dialog.getByLabel('Runs at once, at most').fill('7')
  await dialog.getByRole('button', { name: 'Set limit' }).click()
  await rowOf(page, 'nightly').getByText('0 of 7').waitFor()
  expect(await queueIn(db, 'nightly')).toMatchObject({ concurrencyLimit: 7 })

  await page.getByRole('button', { name: 'Change the limit of nightly' }).click()
  expect(await dialog.getByLabel('Runs at once, at most').inputValue()).toBe('7')
  await dialog.getByLabel('Runs at once, at most').fill('')
  await page.keyboard.press('Enter')
  await rowOf(page, 'nightly').getByText('no limit').waitFor()
  expect(await queueIn(db, 'nightly')).toMatchObject({ concurrencyLimit: null })

  await page.getByRole('button', { name: 'Change the limit of etl' }).click()
  await dialog.getByLabel('Runs at once, at most').fill('1')
  await page.keyboard.press('Enter')
  await poolOf(page, 'etl').locator('.pool-head').getByText('2 of 1').waitFor()
  expect(await poolIn(db)).toMatchObject({ concurrencyLimit: 1 })

  const changes = (): number => requests.filter((request) => request.startsWith('PATCH')).length
  expect(changes()).toBe(3)
  await page.getByRole('button', { name: 'Change the limit of etl' }).click()
  await dialog.getByLabel('Runs at once, at most').fill('-1')
  await page.keyboard.press('Enter')
  expect(await dialog.isVisible()).toBe(true)
  await page.keyboard.press('Escape')
  expect(await dialog.isVisible()).toBe(false)
  expect(changes()).toBe(3)
})

test('a queue is given another priority by keys, each as soon as it is pressed', async () => {
  const { page, db } = await open({ setUp })
  const handle = page.getByRole('button', { name: /^Priority \d+, backfill$/ })
  await handle.focus()
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('ArrowUp')
  expect(await queuesOnPage(page)).toEqual(['1 urgent', '2 backfill', '3 default', '4 nightly'])
  await expect.poll(() => queuesInDatabase(db)).toEqual(['1 urgent', '2 backfill', '3 default', '4 nightly'])
  await expect.poll(() => page.locator('#say').innerText()).toBe('backfill has priority 2')
  // The focus goes with it.
  await page.keyboard.press('ArrowDown')
  await expect.poll(() => queuesInDatabase(db)).toEqual(['1 urgent', '2 default', '3 backfill', '4 nightly'])
  // At the end there is nowhere to go.
  for (let n = 0; n < 5; n++) await page.keyboard.press('ArrowDown')
  await expect.poll(() => queuesInDatabase(db)).toEqual(['1 urgent', '2 default', '3 nightly', '4 backfill'])
  expect(await queuesOnPage(page)).toEqual(['1 urgent', '2 default', '3 nightly', '4 backfill'])
})

test('the priorities in use stay in use, and are each one queue’s, also where Prefect has left two the same', async () => {
  const { page, db } = await open({
    async setUp(db) {
      await setUp(db)
      for (const [name, priority] of Object.entries({ default: 3, nightly: 3, backfill: 9 })) {
        await sql`update work_queue set priority = ${priority} where name = ${name}`.execute(db)
      }
    },
  })
  const handle = page.getByRole('button', { name: /^Priority \d+, backfill$/ })
  await handle.press('ArrowUp')
  await expect.poll(() => queuesInDatabase(db)).toContain('4 backfill')
  const [, second = '', , last = ''] = await queuesInDatabase(db)
  expect(await queuesInDatabase(db)).toEqual(['1 urgent', second, '4 backfill', last])
  expect([second, last].toSorted()).toEqual(['3 default', '9 nightly'].toSorted())
})

test('a queue is dragged to another priority, and the list stays as it is while it is dragged', async () => {
  const { page, db } = await open({ setUp })
  const before = ['1 urgent', '2 default', '3 nightly', '4 backfill']
  await drag(page, 'backfill', 'default')
  await makeFlowRuns(db, 3, { workQueueId: (await queueIn(db, 'nightly'))?.id })
  await page.waitForTimeout(600)
  expect(await textsOf(page.locator('.queue a'))).toEqual(['urgent', 'backfill', 'default', 'nightly'])
  expect(await queuesInDatabase(db)).toEqual(before)
  await page.mouse.up()
  await expect.poll(() => queuesInDatabase(db)).toEqual(['1 urgent', '2 backfill', '3 default', '4 nightly'])
  await expect.poll(() => queuesOnPage(page)).toEqual(['1 urgent', '2 backfill', '3 default', '4 nightly'])
  await expect.poll(() => rowOf(page, 'nightly').innerText()).toMatch(/no limit\s+3/)

  // Escape puts it back.
  await drag(page, 'urgent', 'nightly')
  expect(await textsOf(page.locator('.queue a'))).toEqual(['backfill', 'default', 'nightly', 'urgent'])
  await page.keyboard.press('Escape')
  await page.mouse.up()
  await expect.poll(() => queuesOnPage(page)).toEqual(['1 urgent', '2 backfill', '3 default', '4 nightly'])
  expect(await queuesInDatabase(db)).toEqual(['1 urgent', '2 backfill', '3 default', '4 nightly'])
})

test('a queue is dragged by a finger', async () => {
  const { page, db } = await open({ setUp, width: 360 })
  const [from, to] = [await centreOf(page, 'backfill'), await centreOf(page, 'urgent')]
  const fingers = await page.context().newCDPSession(page)
  const touch = async (type: 'touchStart' | 'touchMove' | 'touchEnd', ...touchPoints: { x: number; y: number }[]) =>
    await fingers.send('Input.dispatchTouchEvent', { type, touchPoints })
  await touch('touchStart', from)
  for (let part = 1; part <= 5; part++) {
    await touch('touchMove', { x: from.x, y: from.y + ((to.y - from.y - 5) * part) / 5 })
  }
  await touch('touchEnd')
  await expect.poll(() => queuesInDatabase(db)).toEqual(['1 backfill', '2 urgent', '3 default', '4 nightly'])
  expect(await page.evaluate<number>('scrollY')).toBe(0)
})

/** Where the middle of a queue's handle is. */
async function centreOf(page: Page, name: string): Promise<{ x: number; y: number }> {
  const box = await page.getByRole('button', { name: new RegExp(`^Priority \\d+, ${name}$`) }).boundingBox()
  if (box === null) throw new Error(`${name} is not to be seen`)
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 }
}

/** Drags one queue's handle over another's, and does not let go. */
async function drag(page: Page, name: string, over: string): Promise<void> {
  const [from, to] = [await centreOf(page, name), await centreOf(page, over)]
  await page.mouse.move(from.x, from.y)
  await page.mouse.down()
  await page.mouse.move(to.x, to.y + Math.sign(to.y - from.y) * 4, { steps: 6 })
}

test('what the server refuses is said, in its words', async () => {
  const { page, db, complaints } = await open({ setUp })
  await rowOf(page, 'backfill').waitFor()
  // The page does not know of it yet.
  let answer = (): void => {}
  const held = new Promise<void>((resolve) => (answer = resolve))
  await page.route('**/api/overview*', async (route) => {
    await held
    await route.continue()
  })
  await deleteWorkQueue(db, (await queueIn(db, 'backfill'))?.id ?? '')
  await page.getByRole('button', { name: 'Pause backfill' }).click()
  await expect.poll(() => page.getByRole('alert').innerText()).toBe('This work queue does not exist any more.')
  expect(await rowOf(page, 'backfill').isVisible()).toBe(true)
  answer()
  await rowOf(page, 'backfill').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Dismiss' }).click()
  expect(await page.locator('#problem').isVisible()).toBe(false)
  // The browser says so too.
  expect(complaints.splice(0)).toEqual([expect.stringContaining('404')])
})
