import type { Mutation } from './mutation.js'

/** The event log: what makes an event, who may write one, and how they are taken. */
export const ofEvents: readonly Mutation[] = [
  {
    file: 'src/rules/prefect-event-name.ts',
    find: ".replaceAll('_', '-')",
    replace: '',
    fails: 'test/unit/prefect-event-name.test.ts > has the names of its statuses',
  },
  {
    file: 'src/rules/prefect-event-name.ts',
    find: "['name', 'description', 'concurrencyLimit', 'priority']",
    replace: "['name', 'description', 'concurrencyLimit', 'priority', 'filter']",
    fails: 'test/unit/prefect-event-name.test.ts > where Prefect reports the property',
  },
  {
    file: 'src/events/take-events.ts',
    find: 'select position from ${events} order by position limit ${parameter',
    replace: 'select position from ${events} order by position desc limit ${parameter',
    fails: 'test/contract/events/take-events.test.ts > on SQLite in memory > the oldest first',
  },
  {
    file: 'src/events/take-events.ts',
    find: 'rows.toSorted((a, b) => Number(a.position) - Number(b.position)).map(toEvent)',
    replace: 'rows.toSorted((a, b) => Number(b.position) - Number(a.position)).map(toEvent)',
    fails: 'test/contract/events/take-events.test.ts > on SQLite in memory > the oldest first',
  },
  {
    file: 'src/events/take-events.ts',
    find: ' for update skip locked',
    replace: '',
    fails: 'test/contract/events/take-events.test.ts > on PostgreSQL > passes what an open transaction has taken',
  },
  {
    file: 'src/model/work-queue-event.ts',
    find: `  } catch {
    return null`,
    replace: `  } catch (error) {
    throw error`,
    fails: 'test/contract/events/take-events.test.ts > on SQLite in memory > a row that cannot be read',
  },
  {
    file: 'src/model/migrations/event-triggers-sqlite-2026-11-26.ts',
    find: 'iif(json_valid(${column}), json(${column}), null)',
    replace: 'json(${column})',
    fails: 'test/contract/events/take-events.test.ts > on SQLite in memory > a row that cannot be read',
  },
  {
    file: 'src/model/migrations/event-triggers-sqlite-2026-11-26.ts',
    find: "return kind === 'reference' ? `old.${column} <> new.${column}` : differs(property)",
    replace: 'return differs(property)',
    fails: 'test/contract/events/captured.test.ts > on SQLite in memory > a run’s states, in order',
  },
  {
    file: 'src/model/migrations/event-triggers-sqlite-2026-11-26.ts',
    find: "if (kind !== 'json') return differs",
    replace: 'return differs',
    fails: 'test/contract/events/captured.test.ts > on SQLite in memory > change what no event is of, or nothing',
  },
  {
    file: 'src/model/migrations/event-properties-2026-11-26.ts',
    find: "  filter: ['filter', 'json'],\n",
    replace: '',
    fails: 'test/contract/events/captured.test.ts > on SQLite in memory > each property that changed, before and after',
  },
  {
    file: 'src/model/migrations/event-triggers-postgres-2026-11-26.ts',
    find: 'security definer ',
    replace: '',
    fails: 'test/contract/events/event-log.test.ts > on PostgreSQL > asks no grant of those who change rows',
  },
  {
    file: 'src/model/migrations/event-triggers-postgres-2026-11-26.ts',
    find: ' set enable_nestloop = off',
    replace: ' set enable_hashjoin = off set enable_mergejoin = off',
    fails: 'test/contract/events/event-log.test.ts > on PostgreSQL > costs many runs of a statement no more each',
  },
  {
    file: 'src/events/take-events.ts',
    find: `order by position
      limit cast(`,
    replace: `order by occurred
      limit cast(`,
    fails: 'test/plans/taken-events.test.ts > on postgres > statistics absent',
  },
  {
    file: 'src/events/take-events.ts',
    find: 'select position from ${events} order by position limit ${parameter',
    replace: 'select position from ${events} order by occurred limit ${parameter',
    fails: 'test/plans/taken-events.test.ts > on sqlite > statistics absent',
  },
]
