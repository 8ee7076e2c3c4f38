import { addMilliseconds } from 'date-fns'
import fc from 'fast-check'
import { sql } from 'kysely'
import {
  type FlowRun,
  type FlowRunStateInput,
  readFlowRun,
  setFlowRunState,
  setFlowRunStates,
} from 'kysely-work-queues'
import { enterState, STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { runningMilliseconds } from '../../src/rules/enter-state.js'
import { postgres, sqliteMemory } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'

const now = new Date('2035-01-01T12:00:00.123Z')

/** A time as either database stores it, with its microseconds. */
const stored = fc
  .tuple(fc.integer({ min: -9_000_000_000, max: 9_000_000_000 }), fc.integer({ min: 0, max: 999 }))
  .map(([offset, microseconds]) => {
    const iso = addMilliseconds(now, offset).toISOString().replace('T', ' ').replace('Z', '')
    return iso + String(microseconds).padStart(3, '0')
  })
const someTime = fc.option(stored)
const row = fc.record({
  state_type: fc.option(fc.constantFrom(...STATE_TYPES)),
  state_timestamp: someTime,
  run_count: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom(2 ** 31 - 2, 2 ** 31 - 1)),
  expected_start_time: someTime,
  next_scheduled_start_time: someTime,
  start_time: someTime,
  end_time: someTime,
})
const time = fc.integer({ min: -9_000_000_000, max: 9_000_000_000 }).map((offset) => addMilliseconds(now, offset))
const state = fc.record(
  {
    type: fc.constantFrom(...STATE_TYPES),
    name: fc.constantFrom('Late', 'Paused "a"'),
    timestamp: time,
    scheduledTime: fc.option(time),
  },
  { requiredKeys: ['type'] },
)

describeOnDatabases(
  'the rule enterState, as SQL says it',
  (t) => {
    const offset = (): string => (t.kind.dialect === 'postgres' ? '+00' : '')
    const totalRunTime = async (id: string): Promise<number> => {
      const milliseconds =
        t.kind.dialect === 'postgres'
          ? sql<string>`round(extract(epoch from total_run_time) * 1000)`
          : sql<string>`round((julianday(total_run_time) - julianday('1970-01-01')) * 86400000)`
      const found = await t.database.plain
        .selectFrom('flow_run')
        .select(milliseconds.as('milliseconds'))
        .where('id', '=', id)
        .executeTakeFirstOrThrow()
      return Number(found.milliseconds)
    }

    // A state that many runs enter is spelled out for its type; states that differ are looked up for each run.
    const ways: Record<string, (id: string, state: FlowRunStateInput) => Promise<FlowRun | undefined>> = {
      'of one run': async (id, state) => await setFlowRunState(t.db, id, state, { now }),
      'of many runs alike': async (id, state) => {
        const ids = [id, await t.make.run()]
        const { changed } = await setFlowRunStates(
          t.db,
          ids.map((each) => ({ ...state, id: each })),
          { now },
        )
        return changed[0]
      },
      'of many runs that differ': async (id, state) => {
        const other = { id: await t.make.run(), type: 'PENDING', message: 'another' } as const
        const { changed } = await setFlowRunStates(t.db, [other, { ...state, id }], { now })
        return changed[1]
      },
    }

    test.each(Object.entries(ways))('is the pure one, on random rows: %s', async (_, enter) => {
      await fc.assert(
        fc.asyncProperty(row, fc.array(state, { minLength: 1, maxLength: 4 }), async (columns, states) => {
          const id = await t.make.run(
            Object.fromEntries(
              Object.entries(columns).map(([column, value]) =>
                column.endsWith('_time') || column.endsWith('timestamp')
                  ? [column, value === null ? null : `${value}${offset()}`]
                  : [column, value],
              ),
            ),
          )
          for (const entered of states) {
            const before = await readFlowRun(t.db, id)
            if (before === undefined) throw new Error('no run')
            const spent = await totalRunTime(id)
            const run = await enter(id, entered)
            const timestamp = run?.stateTimestamp
            if (!timestamp) throw new Error('no time')
            // As asked, or a microsecond after the state before, which may be a millisecond to a `Date`.
            const wanted = (entered.timestamp ?? now).getTime()
            const last = before.stateTimestamp?.getTime() ?? wanted
            expect(timestamp.getTime()).toBeGreaterThanOrEqual(Math.max(wanted, last))
            expect(timestamp.getTime()).toBeLessThanOrEqual(Math.max(wanted, last + 1))
            expect(run).toEqual({
              ...before,
              ...enterState(before, { ...entered, timestamp }),
              updated: now,
              stateId: run.stateId,
            })
            expect(await readFlowRun(t.db, id)).toEqual(run)
            expect((await totalRunTime(id)) - spent).toBe(runningMilliseconds(before, timestamp))
          }
        }),
        { numRuns: 150 },
      )
    })

    test('keeps what it does not change to the microsecond', async () => {
      const times = ['next_scheduled_start_time', 'expected_start_time', 'start_time'] as const
      const at = `2035-01-01 11:00:00.123456${offset()}`
      const id = await t.make.run(Object.fromEntries(times.map((column) => [column, at])))
      await setFlowRunState(t.db, id, { type: 'RUNNING' }, { now })
      const same = times.map((column) => sql`${sql.ref(column)} = ${at}`)
      const { rows } = await sql`select id from flow_run where ${sql.join(same, sql` and `)}`.execute(t.database.plain)
      expect(rows).toHaveLength(1)
    })
  },
  [sqliteMemory, postgres],
)
