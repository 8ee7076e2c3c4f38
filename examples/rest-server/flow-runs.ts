import { Hono } from 'hono'
import type { Kysely } from 'kysely'
import {
  countFlowRuns,
  createFlowRun,
  type FlowRun,
  FlowRunNotFoundError,
  readFlowRun,
  readFlowRuns,
  setFlowRunState,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { z } from 'zod'
import { page, pageNumber, readBody, readOptions } from './body.js'
import { findPool, findQueue } from './by-name.js'
import { found } from './answer-error.js'
import { createBody, labelsBody, updateBody } from './flow-run-body.js'
import { flowRunFilter, runCriteria, toRunFilter } from './run-filter.js'
import { deleteRuns, updateRun } from './flow-run-rows.js'
import { bulkLimit } from './flow-run-states.js'
import { ID, idOf } from './path.js'
import { showRuns } from './show-runs.js'

/** Prefect's orders, and how the library reads runs in them. */
const ORDERS = {
  ID_DESC: { orderBy: 'id', descending: true },
  START_TIME_ASC: undefined,
  START_TIME_DESC: undefined,
  EXPECTED_START_TIME_ASC: undefined,
  EXPECTED_START_TIME_DESC: undefined,
  NAME_ASC: undefined,
  NAME_DESC: undefined,
  NEXT_SCHEDULED_START_TIME_ASC: { orderBy: 'nextScheduledStartTime' },
  END_TIME_DESC: { orderBy: 'endTime', descending: true },
} as const
const NEWEST_FIRST = ORDERS.ID_DESC

const sort = z
  .enum(Object.keys(ORDERS) as [keyof typeof ORDERS])
  .nullish()
  .transform((given, context) => {
    const order = ORDERS[given ?? 'ID_DESC']
    if (order === undefined) context.addIssue('is not supported')
    return order
  })
const filterBody = z.object({ ...runCriteria, sort, ...page })
const paginateBody = z.object({ ...runCriteria, sort, limit: page.limit, page: pageNumber })
const countBody = z.object(runCriteria)
const bulkBody = z.object({ flow_runs: flowRunFilter, limit: bulkLimit })

const NOT_FOUND = 'Flow run not found'

/** Routes under /flow_runs for the runs themselves; their states apart. */
export function flowRunRoutes(db: Kysely<WorkQueueTables>): Hono {
  const routes = new Hono()
  const show = async (run: FlowRun): Promise<object | undefined> => (await showRuns(db, [run]))[0]

  routes.post('/', async (c) => {
    const {
      state,
      workPoolName,
      workQueueName,
      flowVersion: _,
      infrastructureDocumentId: __,
      ...input
    } = await readBody(c, createBody)
    const workQueueId = await findPlace(db, workPoolName ?? undefined, workQueueName ?? undefined)
    const labels = { 'prefect.flow.id': input.flowId, ...input.labels }
    const { flowRun, created } = await db.transaction().execute(async (trx) => {
      const place = { workQueueId, workQueueName: workPoolName ? undefined : workQueueName }
      const expectedStartTime = state?.scheduledTime ?? new Date()
      const inserted = await createFlowRun(trx, { ...input, ...place, labels, expectedStartTime, stateType: null })
      if (!inserted.created) return inserted
      return { created: true, flowRun: await setFlowRunState(trx, inserted.flowRun.id, state ?? { type: 'PENDING' }) }
    })
    return c.json(await show(flowRun), created ? 201 : 200)
  })

  routes.post('/filter', async (c) => {
    const { limit, offset, sort: order, ...criteria } = await readOptions(c, filterBody)
    const filter = await toRunFilter(db, criteria)
    return c.json(await showRuns(db, await readFlowRuns(db, { filter, ...order, limit, offset })))
  })

  routes.post('/paginate', async (c) => {
    const { limit, page, sort: order, ...criteria } = await readOptions(c, paginateBody)
    const filter = await toRunFilter(db, criteria)
    const runs = await readFlowRuns(db, { filter, ...order, limit, offset: (page - 1) * limit })
    const count = await countFlowRuns(db, { filter })
    const pages = limit > 0 ? Math.ceil(count / limit) : 0
    return c.json({ results: await showRuns(db, runs), count, limit, pages, page })
  })

  routes.post('/count', async (c) => {
    const filter = await toRunFilter(db, await readOptions(c, countBody))
    return c.json(await countFlowRuns(db, { filter }))
  })

  routes.post('/bulk_delete', async (c) => {
    const { flow_runs: filter, limit } = await readOptions(c, bulkBody)
    const runs = await readFlowRuns(db, { filter, ...NEWEST_FIRST, limit })
    const deleted = await deleteRuns(
      db,
      runs.map(({ id }) => id),
    )
    return c.json({ deleted })
  })

  routes.get(`/${ID}`, async (c) => c.json(await show(found(await readFlowRun(db, idOf(c)), NOT_FOUND))))

  routes.patch(`/${ID}`, async (c) => {
    const { flowVersion: _, ...patch } = await readBody(c, updateBody)
    if (patch.jobVariables) {
      const { stateType } = found(await readFlowRun(db, idOf(c)), NOT_FOUND)
      if (stateType !== 'SCHEDULED') {
        return c.json({ detail: `Job variables for a flow run in state ${stateType} cannot be updated` }, 400)
      }
    }
    found((await updateRun(db, idOf(c), patch)) || undefined, NOT_FOUND)
    return c.body(null, 204)
  })

  routes.patch(`/${ID}/labels`, async (c) => {
    const more = await readBody(c, labelsBody)
    const id = idOf(c)
    await db.transaction().execute(async (trx) => {
      // A change that changes nothing holds the row.
      if (!(await updateRun(trx, id, {}))) throw new FlowRunNotFoundError(id)
      const labels = (await readFlowRun(trx, id))?.labels
      await updateRun(trx, id, { labels: { ...labels, ...more } })
    })
    return c.body(null, 204)
  })

  routes.delete(`/${ID}`, async (c) => {
    found((await deleteRuns(db, [idOf(c)]))[0], NOT_FOUND)
    return c.body(null, 204)
  })

  return routes
}

/** The id of the queue that a pool's and a queue's name stand for; a pool alone stands for its default queue. */
async function findPlace(
  db: Kysely<WorkQueueTables>,
  workPoolName: string | undefined,
  workQueueName: string | undefined,
): Promise<string | null | undefined> {
  if (!workPoolName) return undefined
  const pool = await findPool(db, workPoolName)
  return workQueueName ? (await findQueue(db, pool.name, workQueueName)).id : pool.defaultQueueId
}
