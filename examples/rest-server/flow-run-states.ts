import { Hono } from 'hono'
import type { Kysely } from 'kysely'
import {
  type FlowRun,
  FlowRunNotFoundError,
  FlowRunStateConflictError,
  type FlowRunStateInput,
  readFlowRun,
  readFlowRuns,
  readFlowRunStates,
  setFlowRunState,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { z } from 'zod'
import { found } from './answer-error.js'
import { readOptions, withDefault } from './body.js'
import { BadRequestBody } from './details.js'
import { idSchema, stateBody } from './flow-run-body.js'
import { flowRunFilter } from './run-filter.js'
import { readMessages, updateRun } from './flow-run-rows.js'
import type { Json } from './keys.js'
import { ID, idOf } from './path.js'
import { pastStateToJson, stateToJson } from './to-json.js'
import { type Decision, decideTransition } from './transitions.js'

const force = withDefault(z.boolean(), false)
const setBody = z.object({ state: stateBody, force })

/** At most so many runs are changed or deleted by one request. Source: Prefect's `BULK_OPERATION_LIMIT`. */
export const bulkLimit = withDefault(z.int().min(1).max(50), 50)
const bulkBody = z.object({ flow_runs: flowRunFilter, state: stateBody, force, limit: bulkLimit })

/** Another request may move a run between the look and the change: then all is decided anew. */
const TRIES = 5

/** Routes under /flow_runs that propose states. */
export function flowRunStateRoutes(db: Kysely<WorkQueueTables>): Hono {
  const routes = new Hono()

  routes.post(`/${ID}/set_state`, async (c) => {
    const { state, force } = await readOptions(c, setBody)
    const { isNew, ...result } = await propose(db, idOf(c), state, force)
    return c.json(result, isNew ? 201 : 200)
  })

  routes.post('/bulk_set_state', async (c) => {
    const { flow_runs: filter, state, force, limit } = await readOptions(c, bulkBody)
    const results: object[] = []
    for (const { id } of await readFlowRuns(db, { filter, orderBy: 'id', descending: true, limit })) {
      const { isNew: _, ...result } = await propose(db, id, state, force)
      results.push({ flow_run_id: id, ...result })
    }
    return c.json({ results })
  })

  return routes
}

/** Routes under /flow_run_states: what states runs were in. */
export function stateHistoryRoutes(db: Kysely<WorkQueueTables>): Hono {
  const routes = new Hono()

  routes.get('/', async (c) => {
    const flowRunId = idSchema.safeParse(c.req.query('flow_run_id'))
    if (!flowRunId.success) {
      const input = c.req.query('flow_run_id') ?? null
      const [type, msg] =
        input === null ? ['missing', 'Field required'] : ['uuid_parsing', 'Input should be a valid UUID']
      throw new BadRequestBody([{ type, loc: ['query', 'flow_run_id'], msg, input }], null)
    }
    return c.json((await readFlowRunStates(db, flowRunId.data)).map(pastStateToJson))
  })

  routes.get(`/${ID}`, async (c) => {
    const id = idOf(c)
    const row = await db.selectFrom('flow_run_state').select('flow_run_id').where('id', '=', id).executeTakeFirst()
    const states = row === undefined ? [] : await readFlowRunStates(db, row.flow_run_id)
    const state = found(
      states.find((one) => one.id === id),
      'Flow run state not found',
    )
    return c.json(pastStateToJson(state))
  })

  return routes
}

interface Proposal {
  readonly isNew: boolean
  readonly state: Json | null
  readonly status: Decision['status']
  readonly details: Json
}

/** Puts a run in a proposed state, or in what is decided instead. */
async function propose(
  db: Kysely<WorkQueueTables>,
  id: string,
  proposed: FlowRunStateInput,
  force: boolean,
): Promise<Proposal> {
  for (let tries = 1; ; tries++) {
    try {
      const run = await readFlowRun(db, id)
      if (run === undefined) throw new FlowRunNotFoundError(id)
      const decision = decideTransition(run, proposed, { now: new Date(), force })
      const now = await enter(db, run, decision)
      const messages = await readMessages(db, [now])
      return {
        isNew: now !== run,
        state: stateToJson(now, messages.get(now.stateId ?? '')),
        status: decision.status,
        details: detailsOf(decision),
      }
    } catch (error) {
      if (!(error instanceof FlowRunStateConflictError) || tries === TRIES) throw error
    }
  }
}

/** Puts a run in the state that was decided on, if it is still in the one that was looked at. */
async function enter(db: Kysely<WorkQueueTables>, run: FlowRun, { state, policy }: Decision): Promise<FlowRun> {
  if (state === undefined) return run
  return await db.transaction().execute(async (trx) => {
    const entered = await setFlowRunState(trx, run.id, state, { expectedStateId: run.stateId ?? undefined })
    if (policy) await updateRun(trx, run.id, { empiricalPolicy: { ...run.empiricalPolicy, ...policy } })
    return entered
  })
}

function detailsOf({ status, reason, delaySeconds }: Decision): Json {
  return {
    type: `${status.toLowerCase()}_details`,
    ...(delaySeconds !== undefined && { delay_seconds: delaySeconds }),
    ...(reason !== undefined && { reason }),
  }
}
