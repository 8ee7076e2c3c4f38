import { CREATE_INDEXES } from './indexes-2026-11-24.js'
import { migration, type WorkQueueMigration } from './migration.js'

// The five tables as Prefect 3 leaves them in its own database, with the columns that this library reads and
// writes. Frozen: a change is a new migration.
//
// `flow_run.state_id` refers to a state without a foreign key: with one, each state that is deleted with its
// run would look for runs that refer to it, and that look-up would need one more index on the busiest table.

const SQLITE_ID = `char(36) not null default (
    lower(hex(randomblob(4))) || '-' || lower(hex(randomblob(2))) || '-4' || substr(lower(hex(randomblob(2))), 2) || '-' ||
    substr('89ab', abs(random()) % 4 + 1, 1) || substr(lower(hex(randomblob(2))), 2) || '-' || lower(hex(randomblob(6)))
  )`
const SQLITE_NOW = "datetime not null default (strftime('%Y-%m-%d %H:%M:%f000', 'now'))"

const STATE_TYPES =
  "'SCHEDULED', 'PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED', 'PAUSED', 'CANCELLING'"

/** Creates the tables, and with them the indexes that this library's queries use. */
export const tables: WorkQueueMigration = migration(
  {
    postgres: [
      `create type {state_type} as enum (${STATE_TYPES})`,
      "create type {work_pool_status} as enum ('READY', 'NOT_READY', 'PAUSED')",
      "create type {work_queue_status} as enum ('READY', 'NOT_READY', 'PAUSED')",
      "create type {worker_status} as enum ('ONLINE', 'OFFLINE')",
      `create table {work_pool} (
        id uuid default gen_random_uuid() not null constraint pk_work_pool primary key,
        created timestamptz default current_timestamp not null,
        updated timestamptz default current_timestamp not null,
        name varchar not null constraint uq_work_pool__name unique,
        description varchar,
        type varchar not null,
        base_job_template jsonb default '{}' not null,
        is_paused boolean default false not null,
        concurrency_limit integer,
        default_queue_id uuid,
        status {work_pool_status} default 'NOT_READY' not null,
        last_transitioned_status_at timestamptz,
        last_status_event_id uuid,
        storage_configuration jsonb default '{}' not null
      )`,
      `create table {work_queue} (
        id uuid default gen_random_uuid() not null constraint pk_work_queue primary key,
        created timestamptz default current_timestamp not null,
        updated timestamptz default current_timestamp not null,
        name varchar not null,
        filter jsonb,
        description varchar default '' not null,
        is_paused boolean default false not null,
        concurrency_limit integer,
        last_polled timestamptz,
        priority integer default 1 not null,
        work_pool_id uuid not null
          constraint fk_work_queue__work_pool_id__work_pool references {work_pool} (id) on delete cascade,
        status {work_queue_status} default 'NOT_READY' not null,
        constraint uq_work_queue__work_pool_id_name unique (work_pool_id, name)
      )`,
      `alter table {work_pool} add constraint fk_work_pool__default_queue_id__work_queue
        foreign key (default_queue_id) references {work_queue} (id) on delete restrict`,
      `create table {worker} (
        id uuid default gen_random_uuid() not null constraint pk_worker primary key,
        created timestamptz default current_timestamp not null,
        updated timestamptz default current_timestamp not null,
        name varchar not null,
        last_heartbeat_time timestamptz default current_timestamp not null,
        work_pool_id uuid not null
          constraint fk_worker__work_pool_id__work_pool references {work_pool} (id) on delete cascade,
        heartbeat_interval_seconds integer,
        status {worker_status} default 'OFFLINE' not null,
        constraint uq_worker__work_pool_id_name unique (work_pool_id, name)
      )`,
      `create table {flow_run} (
        id uuid default gen_random_uuid() not null constraint pk_flow_run primary key,
        created timestamptz default current_timestamp not null,
        updated timestamptz default current_timestamp not null,
        name varchar not null,
        state_type {state_type},
        run_count integer default 0 not null,
        expected_start_time timestamptz,
        next_scheduled_start_time timestamptz,
        start_time timestamptz,
        end_time timestamptz,
        total_run_time interval default '0' not null,
        parameters jsonb default '{}' not null,
        idempotency_key varchar,
        context jsonb default '{}' not null,
        empirical_policy jsonb default '{}' not null,
        tags jsonb default '[]' not null,
        auto_scheduled boolean default false not null,
        flow_id uuid not null,
        deployment_id uuid,
        parent_task_run_id uuid,
        state_id uuid,
        state_name varchar,
        work_queue_name varchar,
        state_timestamp timestamptz,
        infrastructure_pid varchar,
        work_queue_id uuid
          constraint fk_flow_run__work_queue_id__work_queue references {work_queue} (id) on delete set null,
        job_variables jsonb default '{}',
        labels jsonb
      )`,
      `create table {flow_run_state} (
        id uuid default gen_random_uuid() not null constraint pk_flow_run_state primary key,
        created timestamptz default current_timestamp not null,
        updated timestamptz default current_timestamp not null,
        type {state_type} not null,
        timestamp timestamptz default current_timestamp not null,
        name varchar not null,
        message varchar,
        state_details jsonb default '{}' not null,
        data jsonb,
        flow_run_id uuid not null
          constraint fk_flow_run_state__flow_run_id__flow_run references {flow_run} (id) on delete cascade
      )`,
      'create index ix_work_queue__work_pool_id_priority on {work_queue} (work_pool_id, priority)',
      'create index ix_worker__work_pool_id_last_heartbeat_time on {worker} (work_pool_id, last_heartbeat_time)',
      'create index ix_flow_run__work_queue_id on {flow_run} (work_queue_id)',
      'create unique index uq_flow_run__flow_id_idempotency_key on {flow_run} (flow_id, idempotency_key)',
      `create unique index uq_flow_run_state__flow_run_id_timestamp_desc
        on {flow_run_state} (flow_run_id, timestamp desc)`,
      ...CREATE_INDEXES.postgres,
    ],
    sqlite: [
      `create table {work_pool} (
        id ${SQLITE_ID} constraint pk_work_pool primary key,
        created ${SQLITE_NOW},
        updated ${SQLITE_NOW},
        name varchar not null constraint uq_work_pool__name unique,
        description varchar,
        type varchar not null,
        base_job_template json default '{}' not null,
        is_paused boolean default '0' not null,
        concurrency_limit integer,
        default_queue_id char(36)
          constraint fk_work_pool__default_queue_id__work_queue references work_queue (id) on delete restrict,
        status varchar(9) default 'NOT_READY' not null,
        last_transitioned_status_at datetime,
        last_status_event_id char(36),
        storage_configuration json default '{}' not null
      )`,
      `create table {work_queue} (
        id ${SQLITE_ID} constraint pk_work_queue primary key,
        created ${SQLITE_NOW},
        updated ${SQLITE_NOW},
        name varchar not null,
        filter json,
        description varchar default '' not null,
        is_paused boolean default '0' not null,
        concurrency_limit integer,
        last_polled datetime,
        priority integer default '1' not null,
        work_pool_id char(36) not null
          constraint fk_work_queue__work_pool_id__work_pool references work_pool (id) on delete cascade,
        status varchar(9) default 'NOT_READY' not null,
        constraint uq_work_queue__work_pool_id_name unique (work_pool_id, name)
      )`,
      `create table {worker} (
        id ${SQLITE_ID} constraint pk_worker primary key,
        created ${SQLITE_NOW},
        updated ${SQLITE_NOW},
        name varchar not null,
        last_heartbeat_time ${SQLITE_NOW},
        work_pool_id char(36) not null
          constraint fk_worker__work_pool_id__work_pool references work_pool (id) on delete cascade,
        heartbeat_interval_seconds integer,
        status varchar(7) default 'OFFLINE' not null,
        constraint uq_worker__work_pool_id_name unique (work_pool_id, name)
      )`,
      `create table {flow_run} (
        id ${SQLITE_ID} constraint pk_flow_run primary key,
        created ${SQLITE_NOW},
        updated ${SQLITE_NOW},
        name varchar not null,
        state_type varchar(9),
        run_count integer default '0' not null,
        expected_start_time datetime,
        next_scheduled_start_time datetime,
        start_time datetime,
        end_time datetime,
        total_run_time datetime default '1970-01-01 00:00:00.000000' not null,
        parameters json default '{}' not null,
        idempotency_key varchar,
        context json default '{}' not null,
        empirical_policy json default '{}' not null,
        tags json default '[]' not null,
        auto_scheduled boolean default '0' not null,
        flow_id char(36) not null,
        deployment_id char(36),
        parent_task_run_id char(36),
        state_id char(36),
        state_name varchar,
        work_queue_name varchar,
        state_timestamp datetime,
        infrastructure_pid varchar,
        work_queue_id char(36)
          constraint fk_flow_run__work_queue_id__work_queue references work_queue (id) on delete set null,
        job_variables json default '{}',
        labels json
      )`,
      `create table {flow_run_state} (
        id ${SQLITE_ID} constraint pk_flow_run_state primary key,
        created ${SQLITE_NOW},
        updated ${SQLITE_NOW},
        type varchar(9) not null,
        timestamp ${SQLITE_NOW},
        name varchar not null,
        message varchar,
        state_details json default '{}' not null,
        data json,
        flow_run_id char(36) not null
          constraint fk_flow_run_state__flow_run_id__flow_run references flow_run (id) on delete cascade
      )`,
      'create index {ix_work_queue__work_pool_id_priority} on work_queue (work_pool_id, priority)',
      'create index {ix_worker__work_pool_id_last_heartbeat_time} on worker (work_pool_id, last_heartbeat_time)',
      'create index {ix_flow_run__work_queue_id} on flow_run (work_queue_id)',
      'create unique index {uq_flow_run__flow_id_idempotency_key} on flow_run (flow_id, idempotency_key)',
      `create unique index {uq_flow_run_state__flow_run_id_timestamp_desc}
        on flow_run_state (flow_run_id, timestamp)`,
      ...CREATE_INDEXES.sqlite,
    ],
  },
  {
    postgres: [
      'alter table {work_pool} drop constraint fk_work_pool__default_queue_id__work_queue',
      'drop table {flow_run_state}',
      'drop table {flow_run}',
      'drop table {worker}',
      'drop table {work_queue}',
      'drop table {work_pool}',
      'drop type {worker_status}',
      'drop type {work_queue_status}',
      'drop type {work_pool_status}',
      'drop type {state_type}',
    ],
    sqlite: [
      'drop table {flow_run_state}',
      'drop table {flow_run}',
      'drop table {worker}',
      // Dropping a table deletes its rows first, and a pool's reference to its default queue forbids that.
      'update {work_pool} set default_queue_id = null',
      'drop table {work_queue}',
      'drop table {work_pool}',
    ],
  },
)
