import { ROW_LOGS, RUN_LOG } from './event-properties-2026-11-26.js'
import * as postgres from './event-triggers-postgres-2026-11-26.js'
import * as sqlite from './event-triggers-sqlite-2026-11-26.js'
import { migration, type WorkQueueMigration } from './migration.js'

// The event log: a table, and the triggers that fill it. Frozen: a change is a new migration.

const LOGS = [...ROW_LOGS, RUN_LOG]
const OPERATIONS = ['insert', 'update', 'delete']

/** Creates the table `work_queue_event` and the triggers that fill it. */
export const eventLog: WorkQueueMigration = migration(
  {
    postgres: [
      // Rows are inserted and soon deleted: vacuumed often, so that takers have few dead ones to pass.
      `create table {work_queue_event} (
        position bigint generated always as identity constraint pk_work_queue_event primary key,
        id uuid default gen_random_uuid() not null,
        occurred timestamptz default clock_timestamp() not null,
        resource varchar not null,
        resource_id uuid not null,
        kind varchar not null,
        before jsonb,
        after jsonb
      ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)`,
      ...ROW_LOGS.flatMap(postgres.rowTriggers),
      ...postgres.statementTriggers(RUN_LOG),
    ],
    sqlite: [
      `create table {work_queue_event} (
        position integer constraint pk_work_queue_event primary key,
        id char(36) not null default (
          lower(hex(randomblob(4))) || '-' || lower(hex(randomblob(2))) || '-4' || substr(lower(hex(randomblob(2))), 2) || '-' ||
          substr('89ab', abs(random()) % 4 + 1, 1) || substr(lower(hex(randomblob(2))), 2) || '-' || lower(hex(randomblob(6)))
        ),
        occurred datetime not null default (strftime('%Y-%m-%d %H:%M:%f000', 'now')),
        resource varchar not null,
        resource_id char(36) not null,
        kind varchar not null,
        before json,
        after json
      )`,
      ...LOGS.flatMap(sqlite.rowTriggers),
    ],
  },
  {
    postgres: LOGS.flatMap(({ table }) => [
      ...OPERATIONS.map((operation) => `drop trigger work_queue_event_${operation} on {${table}}`),
      `drop function {work_queue_event_of_${table}}()`,
    ]).concat('drop table {work_queue_event}'),
    sqlite: LOGS.flatMap(({ table }) =>
      OPERATIONS.map((operation) => `drop trigger {work_queue_event_${operation}_${table}}`),
    ).concat('drop table {work_queue_event}'),
  },
)
