// What a body says about a flow run or its state.

import { flowRunCreateSchema, type FlowRunStateInput, flowRunStateSchema } from 'kysely-work-queues'
import { z } from 'zod'
import { checkWith, fromJson, timeSchema } from './body.js'
import { toUuid } from './path.js'

/** Of a state's details, the time is kept; what else clients say there is about Prefect's engine. */
const stateJson = z.strictObject({
  type: z.string(),
  name: z.string().nullish(),
  message: z.string().nullish(),
  data: z.unknown().optional(),
  state_details: z.object({ scheduled_time: timeSchema }).nullish(),
})

/** A state to put a run in. A SCHEDULED run is due at once, if it says no time. */
export const stateBody = stateJson.transform((given, context): FlowRunStateInput => {
  const { type, message } = given
  const scheduledTime = given.state_details?.scheduled_time ?? (type === 'SCHEDULED' ? new Date() : undefined)
  return checkWith(flowRunStateSchema, { type, name: given.name ?? undefined, message, scheduledTime }, context)
})

/** An id in any of its spellings. */
export const idSchema = z.preprocess(toUuid, z.guid('must be a UUID'))
// Columns of Prefect's that the library has not.
const none = z.null('is not supported').optional()

/** A new run, with the names of where it waits. */
export const createBody = fromJson(
  flowRunCreateSchema
    .pick({
      name: true,
      parameters: true,
      context: true,
      empiricalPolicy: true,
      tags: true,
      labels: true,
      idempotencyKey: true,
      jobVariables: true,
    })
    .extend({
      flowId: idSchema,
      deploymentId: idSchema.nullish(),
      parentTaskRunId: idSchema.nullish(),
      workPoolName: z.string().nullish(),
      workQueueName: z.string().nullish(),
      state: stateBody.nullish(),
      flowVersion: none,
      infrastructureDocumentId: none,
    }),
)

/** What may change about a run, its state apart. */
export const updateBody = fromJson(
  flowRunCreateSchema
    .pick({ name: true, parameters: true, empiricalPolicy: true, tags: true, jobVariables: true })
    .extend({ infrastructurePid: z.string().nullish(), flowVersion: none }),
)

export const labelsBody = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
