import * as z from 'zod'
import { STATE_TYPES, type StateType } from '../rules/states.js'
import {
  anyId,
  type AnyOf,
  anyText,
  filterOperator,
  idSchema,
  type InputSchema,
  inputTimeSchema,
  textSchema,
} from './checks.js'

/** Which flow runs to read. Absent criteria match everything; those of one key must all hold. */
export interface FlowRunFilter {
  /** Whether all keys must match or one of them. Default: `and`. */
  operator?: 'and' | 'or' | undefined
  id?: AnyOf<string> | undefined
  name?: AnyOf<string> | undefined
  flowId?: AnyOf<string> | undefined
  deploymentId?: AnyOf<string> | undefined
  workQueueId?: AnyOf<string> | undefined
  workQueueName?: AnyOf<string> | undefined
  /**
   * Belongs to the work queue of this id, as polls and claims of the queue see it: by its `workQueueId`, or,
   * without one, by its `workQueueName` in the default agent pool.
   */
  memberOf?: string | undefined
  stateType?: AnyOf<StateType> | undefined
  stateName?: AnyOf<string> | undefined
  tags?:
    | {
        /** Has all of these. An empty list matches every run, as every run has all of no tags. */
        all?: string[] | undefined
      }
    | undefined
  nextScheduledStartTime?:
    | {
        /** At this time or before. */
        before?: Date | undefined
        /** At this time or after. */
        after?: Date | undefined
      }
    | undefined
}

/** Checks a {@link FlowRunFilter}. */
export const flowRunFilterSchema: InputSchema<FlowRunFilter> = z.strictObject({
  operator: filterOperator,
  id: anyId,
  name: anyText,
  flowId: anyId,
  deploymentId: anyId,
  workQueueId: anyId,
  workQueueName: anyText,
  memberOf: idSchema.optional(),
  stateType: z.strictObject({ any: z.array(z.enum(STATE_TYPES)).optional() }).optional(),
  stateName: anyText,
  tags: z.strictObject({ all: z.array(textSchema).optional() }).optional(),
  nextScheduledStartTime: z
    .strictObject({ before: inputTimeSchema.optional(), after: inputTimeSchema.optional() })
    .optional(),
})
