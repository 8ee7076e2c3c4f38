import { claimRunsInWorkQueue, createFlowRuns, explainFlowRun, readFlowRuns, setFlowRunState } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { poolOf, queueIn, queuesOnPage, rowOf, setUpEtl as setUp, textsOf } from './etl-pool.js'
import { useDashboard } from './use-dashboard.js'

const open = useDashboard()

test('pools, their queues by priority, slots with who holds them, workers, what is due and late', async () => {
  const { page } = await open({ setUp })
  const urgent = rowOf(page, 'urgent')
  await urgent.waitFor()
  await page.locator('.card').first().waitFor()
  expect(await queuesOnPage(page)).toEqual(['1 urgent', '2 default', '3 nightly', '4 backfill'])
  await expect.poll(() => urgent.innerText()).toMatch(/Ready\s+healthy\s+2 of 2\s+1\s+0\s+waits 1 min\s+Pause/)
  expect(
    await urgent.locator('.place').evaluateAll((all) => all.map((place) => place.getAttribute('data-state'))),
  ).toEqual(['RUNNING', 'PENDING'])
  expect(await rowOf(page, 'nightly').innerText()).toMatch(/Not ready\s+unhealthy\s+no limit\s+0\s+0\s+–\s+Pause/)

  const pool = poolOf(page, 'etl')
  expect(await pool.locator('.pool-head').innerText()).toMatch(
    /etl\s+4 queues\s+Ready\s+2 of 4\s+1\s+0\s+waits 1 min\s+1\s+Pause/,
  )
  expect(await pool.locator('.pool-head').getByRole('img').getAttribute('aria-label')).toBe('2 of 4 slots held')
  const cards = await textsOf(pool.locator('.card'))
  expect(cards.map((card) => card.replaceAll(/\s+/g, ' '))).toEqual([
    expect.stringMatching(/^first running urgent ada for \d s lease \d\d s$/),
    expect.stringMatching(/^second pending urgent ada for \d s lease \d\d s$/),
    'open',
    'open',
  ])
  expect(await textsOf(pool.locator('.worker'))).toEqual([expect.stringMatching(/^ada online, heard \d s ago$/)])
  expect(await page.locator('#totals').innerText()).toMatch(/Active\s+2\s+Due\s+1\s+Late\s+0\s+Workers\s+1/)
})

/** A sentence, with its times as the page has them. */
function inTheTimeOfDay({ sentence }: { readonly sentence: string }): string {
  return sentence.replaceAll(/\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)\.\d{3}Z/g, '$1')
}

test('a waiting run says why it does not start, in the library’s sentences, until it does', async () => {
  const { page, db, url } = await open({ setUp })
  await page.getByRole('link', { name: 'urgent', exact: true }).click()
  const panel = page.getByRole('complementary')
  await panel.getByRole('button', { name: /^third/ }).click()
  const [third] = await readFlowRuns(db, { filter: { name: { any: ['third'] } } })
  const { reasons } = await explainFlowRun(db, third?.id ?? '')
  expect(reasons.map(({ kind }) => kind)).toContain('queue-full')
  const why = panel.locator('.why:visible')
  await expect.poll(() => textsOf(why.getByRole('listitem'))).toEqual(reasons.map(inTheTimeOfDay))
  expect(await why.innerText()).toMatch(/^Why it does not start:/)
  expect(await panel.locator('.runs .name').allInnerTexts()).toEqual(['third', 'tomorrow'])
  expect(await panel.innerText()).toContain(
    'The work queue "urgent" has no open slot of 2: held by "first" (RUNNING since',
  )

  // The address keeps it.
  await page.goto('about:blank')
  await page.goBack()
  await expect.poll(() => textsOf(why.getByRole('listitem'))).toEqual(reasons.map(inTheTimeOfDay))
  expect(page.url()).toMatch(new RegExp(`^${url}/#queue=.*&run=${third?.id}$`))

  const [first] = await readFlowRuns(db, { filter: { name: { any: ['first'] } } })
  await setFlowRunState(db, first?.id ?? '', { type: 'COMPLETED' })
  await expect.poll(() => why.innerText()).toMatch(/^It may start:\s+The next claim hands it out\.$/)
  await claimRunsInWorkQueue(db, third?.workQueueId ?? '', { holder: 'ada' })
  await expect.poll(() => why.innerText()).toMatch(/Why it does not start:\s+It is PENDING, and only SCHEDULED/)
  await panel.getByRole('button', { name: /^third/ }).click()
  await expect.poll(() => panel.locator('.runs .name').allInnerTexts()).toEqual(['tomorrow'])
})

test('names are text, whatever is in them', async () => {
  const { page, db } = await open({ setUp })
  const name = '<img src="x" onerror="alert(1)"><b>bold</b>'
  const { id = '' } = (await queueIn(db, 'nightly')) ?? {}
  await createFlowRuns(db, [{ name, workQueueId: id }])
  await claimRunsInWorkQueue(db, id, { holder: '<i>holder</i>' })
  await createFlowRuns(db, [{ name: `${name} waits`, workQueueId: id }])
  await expect.poll(() => textsOf(poolOf(page, 'etl').locator('.card strong'))).toContain(name)
  expect(await textsOf(poolOf(page, 'etl').locator('.card .by'))).toContainEqual('<i>holder</i>')
  await page.getByRole('link', { name: 'nightly', exact: true }).click()
  await page.getByRole('complementary').getByText(`${name} waits`).click()
  await page.locator('.why:visible').waitFor()
  expect(await page.locator('#pools img, #pools b, #panel img, #panel b, i').count()).toBe(0)
})
