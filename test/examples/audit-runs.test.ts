import { addSeconds } from 'date-fns'
import { createFlowRuns, createWorkPool, setFlowRunState, type StateType } from 'kysely-work-queues'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { ACTIVE_NOW, BROKEN_HISTORIES, BY_STATE, MOST_ACTIVE } from './audit-runs.js'

// What the test of the orchestrator would see if something went wrong.

describeOnDatabases(
  'the audit of runs',
  (t) => {
    const START = new Date('2026-01-01T12:00:00Z')
    const ask = async (statement: string): Promise<unknown[]> => (await sql.raw(statement).execute(t.db)).rows

    /** A run that enters states, each at a second. */
    const makeRun = async (...states: (readonly [second: number, type: StateType])[]): Promise<void> => {
      const { id, defaultQueueId } = await pool()
      const [run] = await createFlowRuns(t.db, [{ workQueueId: defaultQueueId }], { now: START })
      for (const [second, type] of states) {
        await setFlowRunState(t.db, run?.id ?? id, { type }, { now: addSeconds(START, second) })
      }
    }
    let made: ReturnType<typeof createWorkPool> | undefined
    const pool = async (): ReturnType<typeof createWorkPool> => await (made ??= createWorkPool(t.db, { name: 'p' }))

    test('sees the most that held slots at once, and that a slot is free at the instant that it is given back', async () => {
      made = undefined
      await makeRun([1, 'PENDING'], [2, 'RUNNING'], [5, 'COMPLETED'])
      await makeRun([5, 'PENDING'], [6, 'SCHEDULED'], [7, 'PENDING'], [8, 'RUNNING'], [9, 'FAILED'])
      expect(await ask(MOST_ACTIVE)).toEqual([{ pool: 'p', queue: 'default', in_queue: 1, in_pool: 1 }])
      expect(await ask(BROKEN_HISTORIES)).toEqual([])
      expect(await ask(ACTIVE_NOW)).toEqual([])
      await makeRun([4, 'PENDING'], [5, 'RUNNING'])
      expect(await ask(MOST_ACTIVE)).toEqual([{ pool: 'p', queue: 'default', in_queue: 2, in_pool: 2 }])
      expect(await ask(ACTIVE_NOW)).toEqual([{ queue: 'default', active: 1 }])
      expect(await ask(BY_STATE)).toEqual([
        { state: 'COMPLETED', runs: 1 },
        { state: 'FAILED', runs: 1 },
        { state: 'RUNNING', runs: 1 },
      ])
    })

    test('counts the slots of each pool by themselves, whatever its queues are called', async () => {
      for (const [name, runs] of [
        ['q', 1],
        ['r', 3],
      ] as const) {
        const { defaultQueueId } = await createWorkPool(t.db, { name })
        const made = await createFlowRuns(
          t.db,
          Array.from({ length: runs }, () => ({ workQueueId: defaultQueueId })),
          { now: START },
        )
        for (const { id } of made) await setFlowRunState(t.db, id, { type: 'PENDING' }, { now: addSeconds(START, 1) })
      }
      expect(await ask(MOST_ACTIVE)).toEqual([
        { pool: 'q', queue: 'default', in_queue: 1, in_pool: 1 },
        { pool: 'r', queue: 'default', in_queue: 3, in_pool: 3 },
      ])
    })

    test.each([
      [['PENDING', 'PENDING']],
      [['PENDING', 'RUNNING', 'RUNNING']],
      [['RUNNING']],
      [['PENDING', 'RUNNING', 'COMPLETED', 'CRASHED']],
    ] as const)('sees that no run may enter %j', async (types) => {
      made = undefined
      await makeRun(...types.map((type, n) => [n + 1, type] as const))
      expect(await ask(BROKEN_HISTORIES)).toHaveLength(1)
    })
  },
  [sqliteMemory, postgres],
)
