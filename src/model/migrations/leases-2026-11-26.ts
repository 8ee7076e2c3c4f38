import { migration, type WorkQueueMigration } from './migration.js'

// The leases of claimed runs. Frozen: a change is a new migration.
//
// No index beside the primary key: a renewal changes a time alone, and on PostgreSQL an update that writes no
// index entry, in a page with room, stays the cheap one. The table is as small as there are active runs, so
// that finding those that have expired reads it whole.

/** Creates the table `flow_run_lease`. */
export const leases: WorkQueueMigration = migration(
  {
    postgres: [
      `create table {flow_run_lease} (
        flow_run_id uuid not null constraint pk_flow_run_lease primary key
          constraint fk_flow_run_lease__flow_run_id__flow_run references {flow_run} (id) on delete cascade,
        state_id uuid not null,
        holder varchar not null,
        acquired_at timestamptz not null,
        expires_at timestamptz not null
      ) with (fillfactor = 50)`,
    ],
    sqlite: [
      `create table {flow_run_lease} (
        flow_run_id char(36) not null constraint pk_flow_run_lease primary key
          constraint fk_flow_run_lease__flow_run_id__flow_run references flow_run (id) on delete cascade,
        state_id char(36) not null,
        holder varchar not null,
        acquired_at datetime not null,
        expires_at datetime not null
      ) without rowid`,
    ],
  },
  { postgres: ['drop table {flow_run_lease}'], sqlite: ['drop table {flow_run_lease}'] },
)
