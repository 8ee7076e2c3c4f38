import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HotCall } from './hot-call.js'
import { hotCalls } from './planned-calls.js'
import { explanations } from './planned-explanations.js'
import { reads } from './planned-reads.js'
import { stats } from './planned-stats.js'
import { createDatabase, type PlanDatabase, type Tables } from './plan-database.js'
import { type Access, explain } from './read-plan.js'
import { record, undone } from './plan-recorder.js'
import { type Ids, seed } from './seed-plan-database.js'
import { titled } from './titled.js'

/** Asserts how both databases run every hot statement, with statistics absent and fresh. */
export function describePlans(tables: Tables): void {
  describe.each([
    ['PostgreSQL', 'postgres'],
    ['SQLite', 'sqlite'],
  ] as const)(`${tables} on %s, with a neighbour’s 100,000 due runs`, (_, dialect) => {
    const calls = [...hotCalls, ...reads, ...explanations, ...stats].filter(
      (call) => call.tables === undefined || call.tables === tables,
    )
    let database: PlanDatabase
    let ids: Ids

    beforeAll(async () => {
      database = await createDatabase(dialect, tables, async (filling) => {
        ids = await seed(filling)
      })
    }, 120_000)
    afterAll(async () => {
      await database.destroy()
    })

    const expectPlansOf = async (
      { call, postgres, sqlite = postgres, sorts = false, skips = 0, rows, pages = 1_000, cost = 100_000 }: HotCall,
      isPrepared: boolean,
    ): Promise<void> => {
      const queries = (await record(database, (db) => call(db, ids))).slice(skips)
      const accesses = await undone(database, async (trx) => {
        const all: (Access & { query: string })[] = []
        for (const query of queries)
          all.push({ query: query.sql, ...(await explain(database, trx, query, isPrepared)) })
        return all
      })
      for (const { statement, ...access } of accesses) {
        expect.soft(access.scans, `reads all of a table: ${statement}`).toEqual([])
        if (!sorts) expect.soft(access.sorts, `sorts a backlog: ${statement}`).toEqual([])
        expect.soft(access.rows, `runs read: ${statement}`).toBeLessThanOrEqual(rows)
        expect.soft(access.pages, `pages read: ${statement}`).toBeLessThanOrEqual(pages)
        // Prepared, what would be compiled is not kept: for the values at hand it is estimated to cost less, so it is planned anew.
        if (!isPrepared) expect.soft(access.cost, `would be compiled by PostgreSQL: ${statement}`).toBeLessThan(cost)
      }
      const plans = accesses
        .filter(({ query, indexes }) => /flow_run/.test(query) || indexes.size > 0)
        .map(({ indexes }) => [...indexes].toSorted().join(', ') || 'by id alone')
      const expected = dialect === 'postgres' ? postgres : sqlite
      expect(plans, accesses.map(({ statement }) => statement).join('\n')).toEqual(expected)
    }

    const expectPlans = async (_title: string, call: HotCall): Promise<void> => await expectPlansOf(call, false)

    describe('statistics absent', () => {
      test.each(titled(calls))('%s', expectPlans)
    })

    describe('statistics fresh', () => {
      beforeAll(async () => {
        await sql`analyze`.execute(database.plain)
      }, 60_000)
      test.each(titled(calls))('%s', expectPlans)

      // `withPreparedStatements` has the server keep a plan that is made for any values.
      const isPollOrClaim = ({ title }: HotCall): boolean => /^(?:get\w*Runs|claim|read\w*Stats|readNext)/.test(title)
      const polls = dialect === 'postgres' ? calls.filter(isPollOrClaim) : []
      test.each(titled(polls))('%s, prepared', async (_, call) => await expectPlansOf(call, true))
    })
  })
}
