// Compiled, never run. The schemas of the inputs are objects of zod's, of the input's own type.

import {
  createFlowRuns,
  createWorkQueue,
  type FlowRunCreate,
  flowRunCreateSchema,
  type FlowRunFilter,
  flowRunFilterSchema,
  type Session,
  setFlowRunState,
  flowRunStateSchema,
  type WorkPoolCreate,
  workPoolCreateSchema,
  type WorkQueueCreate,
  workQueueCreateSchema,
  type WorkQueueTables,
  type workQueueUpdateSchema,
} from 'kysely-work-queues'
import { z } from 'zod'

declare const session: Session<WorkQueueTables>
declare const body: unknown

void createWorkQueue(session, workQueueCreateSchema.parse(body))
void createFlowRuns(session, z.array(flowRunCreateSchema).parse(body))
void setFlowRunState(session, 'id', flowRunStateSchema.parse(body))

const queue: WorkQueueCreate = workQueueCreateSchema.parse(body)
const pool: WorkPoolCreate = workPoolCreateSchema.parse(body)
const run: FlowRunCreate = flowRunCreateSchema.parse(body)
const filter: FlowRunFilter = flowRunFilterSchema.parse(body)
void [queue, pool, run, filter]

// What a host leaves out is gone from the type, and what it adds is there.
const own = workQueueCreateSchema.omit({ workPoolId: true }).extend({ tenant: z.string() }).parse(body)
const tenant: string = own.tenant
const name: string = own.name
void [tenant, name]
// @ts-expect-error
void own.workPoolId
// @ts-expect-error
void workQueueCreateSchema.omit({ workQueueId: true })

// Before the check a time may be text, after it it is a `Date`; a name is text and must be there.
const given: z.input<typeof workQueueCreateSchema> = { name: 'etl', lastPolled: '2035-01-01T12:00:00Z' }
const due: z.input<typeof flowRunFilterSchema> = { nextScheduledStartTime: { before: '2035-01-01T12:00:00Z' } }
const patch: z.output<typeof workQueueUpdateSchema> = { lastPolled: new Date() }
void [given, due, patch]
// @ts-expect-error
const textAfter: z.output<typeof workQueueUpdateSchema> = { lastPolled: '2035-01-01T12:00:00Z' }
// @ts-expect-error
const nameless: z.input<typeof workQueueCreateSchema> = { lastPolled: '2035-01-01T12:00:00Z' }
void [textAfter, nameless]
