import { sql } from 'kysely'
import * as z from 'zod'
import { InvalidInputError } from '../errors.js'
import { defaultStateName } from '../rules/states.js'
import { check, type NowOption, nowOptionSchema } from '../model/checks.js'
import { encode } from '../model/columns.js'
import { flowRunColumns } from '../model/flow-run.js'
import { type Condition, hasAnyId } from '../sql/lists.js'
import { newId } from '../model/ids.js'
import { type FlowRunCreate, flowRunCreateSchema } from '../model/flow-run.js'
import type { FlowRun } from '../model/flow-run.js'
import { pairs } from '../sql/map-table.js'
import { type RequiredTables, type Scope, type Session, write } from '../session.js'
import { readClock } from '../sql/clock.js'
import { insertStates } from './insert-states.js'
import { type LockedQueues, lockQueues, nameAlone } from './lock-queues.js'
import { selectFlowRuns } from './select-flow-runs.js'

/** Not a check of the exported schema: with one that looks at two keys, a host could not `omit` from it. */
export const flowRunInputSchema: z.ZodType<FlowRunCreate> = flowRunCreateSchema.refine(
  ({ idempotencyKey, flowId }) => flowId !== undefined || (idempotencyKey ?? null) === null,
  {
    path: ['idempotencyKey'],
    message: 'means nothing without flowId, in which it is unique',
  },
)
const inputsSchema = z.array(flowRunInputSchema)

// A statement takes at most 32,766 parameters on SQLite; a run has fewer than forty.
const BATCH_SIZE = 500

/**
 * How often runs are inserted whose keys are taken and then free again; after that, it is their ids that are
 * taken.
 */
const MOST_TRIES = 4

/**
 * Creates flow runs, many at once, each with its first state in `flow_run_state`.
 *
 * A run is SCHEDULED unless its input says otherwise, and due at once unless its input says when. A run whose
 * idempotency key its flow already has is not created: the run that has it is returned in its place.
 *
 * A run that is given the name of a queue and no `workQueueId` belongs to the queue of that name in the pool
 * `default-agent-pool`, and is stored with its id when it is there. Else it keeps the name alone, and waits
 * for such a queue, also with `workQueueId: null`.
 *
 * @param options - `now`: what time it is. Default: the clock.
 * @returns The runs, in the order of the inputs.
 * @throws {InvalidInputError} when an input is not valid, has an `idempotencyKey` without a `flowId`, or asks
 *   for an id that is taken.
 * @throws {WorkQueueNotFoundError} when there is no queue `workQueueId`. Nothing was created.
 *
 * @example
 * ```ts
 * const nextScheduledStartTime = addMinutes(now, 5)
 * const nightly = { name: 'nightly', workQueueId: queue.id, nextScheduledStartTime }
 * const [run] = await createFlowRuns(db, [nightly])
 * ```
 */
export async function createFlowRuns<DB extends RequiredTables>(
  session: Session<DB>,
  inputs: readonly FlowRunCreate[],
  options: NowOption = {},
): Promise<FlowRun[]> {
  const checked = check(inputsSchema, inputs)
  const { now: given } = check(nowOptionSchema, options)
  if (checked.length === 0) return []

  return await write(session, async (scope) => {
    const inserted = await insertFlowRuns(scope, checked, given, (index) => `${index}.id`)
    return inserted.map(({ flowRun }) => flowRun)
  })
}

/**
 * Inserts runs with their first states, in a transaction, and returns them in the order of the inputs, with
 * whether each was created.
 *
 * @param pathOf - Where an input has its id, for the issue that says that it is taken.
 */
export async function insertFlowRuns(
  scope: Scope,
  inputs: readonly FlowRunCreate[],
  given: Date | undefined,
  pathOf: (index: number) => string,
): Promise<{ flowRun: FlowRun; created: boolean }[]> {
  const queues = await lockQueues(scope, inputs)
  const now = await readClock(scope, given)
  const runs = inputs.map((input) => toFlowRun(input, queues, now))
  const firsts = new Map(runs.map((run, index) => [run.id, index] as const).toReversed())
  const isFirst = ({ id }: FlowRun, index: number): boolean => firsts.get(id) === index
  const created = await insertRuns(scope, runs.filter(isFirst))
  const isNew = (run: FlowRun, index: number): boolean => created.has(run.id) && isFirst(run, index)
  const find = async (): Promise<Map<string, FlowRun>> =>
    await findByIdempotencyKey(
      scope,
      runs.filter((run, index) => !isNew(run, index)),
    )
  let existing = await find()
  for (let tries = 1; tries < MOST_TRIES; tries++) {
    const missing = runs.filter((run, index) => isFirst(run, index) && !isNew(run, index) && !existing.has(keyOf(run)))
    // Under read committed, the run that had the key may have been deleted before it was looked for.
    const vanished = missing.filter(({ idempotencyKey }) => idempotencyKey !== null)
    if (vanished.length === 0) break
    for (const id of await insertRuns(scope, vanished)) created.add(id)
    existing = await find()
  }
  const taken = runs.flatMap((run, index) => (isNew(run, index) || existing.has(keyOf(run)) ? [] : [index]))
  if (taken.length > 0) await refuse(scope, created, taken.map(pathOf))
  const stateIds = await insertFirstStates(scope, runs.filter(isNew), now)
  return runs.map((run, index) => {
    const stored = isNew(run, index) ? run : (existing.get(keyOf(run)) ?? run)
    return {
      flowRun: { ...stored, stateId: stateIds.get(stored.id) ?? stored.stateId },
      created: isNew(run, index),
    }
  })
}

/** Undoes what was inserted when ids were taken, since the caller's transaction may go on. */
async function refuse(scope: Scope, created: ReadonlySet<string>, taken: readonly string[]): Promise<never> {
  await sql`
    delete from ${scope.tables.flow_run} as run where ${hasAnyId('run.id', [...created], scope.dialect)}
  `.execute(scope.db)
  throw new InvalidInputError(taken.map((path) => ({ path, message: 'is taken' })))
}

function toFlowRun(input: FlowRunCreate, queues: LockedQueues, now: Date): FlowRun {
  const id = input.id ?? newId()
  const stateType = input.stateType === undefined ? 'SCHEDULED' : input.stateType
  const name = nameAlone(input)
  const workQueueId = (name === undefined ? input.workQueueId : queues.ids.get(name)) ?? null
  const queueName = workQueueId === null ? null : (queues.names.get(workQueueId) ?? null)
  const dueAtOnce = stateType === 'SCHEDULED' && input.nextScheduledStartTime === undefined
  const nextScheduledStartTime = dueAtOnce ? now : (input.nextScheduledStartTime ?? null)
  return {
    id,
    created: now,
    updated: now,
    // As Prefect does, which reads empty text as no name.
    name: input.name || `run-${id}`,
    flowId: input.flowId ?? newId(),
    deploymentId: input.deploymentId ?? null,
    workQueueId,
    workQueueName: input.workQueueName === undefined ? queueName : input.workQueueName,
    stateId: null,
    stateType,
    stateName: stateType === null ? (input.stateName ?? null) : (input.stateName ?? defaultStateName(stateType)),
    stateTimestamp: input.stateTimestamp ?? (stateType === null ? null : now),
    runCount: input.runCount ?? 0,
    expectedStartTime: input.expectedStartTime === undefined ? nextScheduledStartTime : input.expectedStartTime,
    nextScheduledStartTime,
    startTime: input.startTime ?? null,
    endTime: input.endTime ?? null,
    parameters: input.parameters ?? {},
    context: input.context ?? {},
    tags: input.tags ?? [],
    labels: input.labels ?? null,
    idempotencyKey: input.idempotencyKey ?? null,
    parentTaskRunId: input.parentTaskRunId ?? null,
    infrastructurePid: input.infrastructurePid ?? null,
    jobVariables: input.jobVariables === undefined ? {} : input.jobVariables,
    empiricalPolicy: input.empiricalPolicy ?? {},
    autoScheduled: input.autoScheduled ?? false,
  }
}

/**
 * Inserts the runs and returns the ids of those whose idempotency key and id were not taken. They are
 * inserted in the order of their keys, so that two sessions that insert the same keys never wait for each
 * other in a circle.
 */
async function insertRuns({ db, dialect }: Scope, runs: readonly FlowRun[]): Promise<Set<string>> {
  // The default of Prefect's own column is one that Prefect cannot read back on SQLite.
  const totalRunTime = dialect === 'sqlite' ? { total_run_time: '1970-01-01 00:00:00.000000' } : {}
  const created = new Set<string>()
  const inOrder = runs.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  for (let i = 0; i < inOrder.length; i += BATCH_SIZE) {
    const rows = await db
      .insertInto('flow_run')
      .values(
        inOrder.slice(i, i + BATCH_SIZE).map((run) => ({ ...encode(flowRunColumns, run, dialect), ...totalRunTime })),
      )
      .onConflict((conflict) => conflict.doNothing())
      .returning('id')
      .execute()
    for (const { id } of rows) created.add(id)
  }
  return created
}

/** Run and state refer to each other, so the run's reference comes last. */
async function insertFirstStates(scope: Scope, runs: readonly FlowRun[], now: Date): Promise<Map<string, string>> {
  const { db, dialect, tables } = scope
  const states = runs.flatMap(({ id, stateType, stateName, stateTimestamp, nextScheduledStartTime }) =>
    stateType === null
      ? []
      : [
          {
            flowRunId: id,
            type: stateType,
            name: stateName ?? defaultStateName(stateType),
            timestamp: stateTimestamp ?? now,
            scheduledTime: nextScheduledStartTime,
          },
        ],
  )
  const inserted = await insertStates(scope, states, now)
  const stateIds = new Map(Array.from(inserted, ([flowRunId, state]) => [flowRunId, state.id]))
  if (stateIds.size === 0) return stateIds
  await sql`
    with entered as materialized (${pairs(stateIds, 'uuid', dialect)})
    update ${tables.flow_run} as run set state_id = entered.value
    from entered where run.id = entered.id
  `.execute(db)
  return stateIds
}

async function findByIdempotencyKey(scope: Scope, runs: readonly FlowRun[]): Promise<Map<string, FlowRun>> {
  if (runs.length === 0) return new Map()
  const keys = new Map(runs.map((run) => [keyOf(run), [run.flowId, run.idempotencyKey]]))
  const found = await selectFlowRuns(scope, hasAnyKey(scope, [...keys.values()]))
  return new Map(found.map((run) => [keyOf(run), run]))
}

/**
 * The run has one of the keys, each looked up with its flow: as two lists, SQLite looked up every flow with
 * every key.
 */
function hasAnyKey({ dialect, tables }: Scope, keys: readonly (readonly (string | null)[])[]): Condition {
  const json = JSON.stringify(keys)
  return dialect === 'postgres'
    ? sql`run.id = any(array(
        select found.id
        from jsonb_array_elements(cast(cast(${json} as text) as jsonb)) as wanted(key)
        cross join lateral (
          select keyed.id from ${tables.flow_run} as keyed
          where keyed.flow_id = cast(wanted.key ->> 0 as uuid) and keyed.idempotency_key = wanted.key ->> 1
          limit 1
        ) as found))`
    : sql`run.id in (
        select keyed.id
        from json_each(${json}) as wanted
        cross join ${tables.flow_run} as keyed
        where keyed.flow_id = json_extract(wanted.value, '$[0]')
          and keyed.idempotency_key = json_extract(wanted.value, '$[1]'))`
}

function keyOf({ flowId, idempotencyKey, id }: FlowRun): string {
  return idempotencyKey === null ? id : `${flowId} ${idempotencyKey}`
}
