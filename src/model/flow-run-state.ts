import { z } from 'zod'
import { STATE_TYPES, type StateType } from '../rules/states.js'
import { type InputSchema, inputTimeSchema, labelSchema, textSchema } from './checks.js'
import type { Json, Timestamp } from './columns.js'

/** The table `flow_run_state`: every state that a run was ever in. */
export interface FlowRunStateTable {
  id: string
  created: Timestamp
  updated: Timestamp
  type: StateType
  timestamp: Timestamp
  name: string
  message: string | null
  state_details: Json
  data: Json | null
  flow_run_id: string
}

/** A state to put a flow run in. */
export interface FlowRunStateInput {
  type: StateType
  /** Not blank, of at most 2,000 bytes. Default: the type, capitalised. */
  name?: string | undefined
  /** When the run entered the state. Default: now. */
  timestamp?: Date | undefined
  /** For SCHEDULED: when the run is due. Default: what it was. */
  scheduledTime?: Date | null | undefined
  message?: string | null | undefined
}

/** Checks a {@link FlowRunStateInput}; the same check that `setFlowRunState` makes. */
export const flowRunStateSchema: InputSchema<FlowRunStateInput> = z.strictObject({
  type: z.enum(STATE_TYPES),
  name: labelSchema.optional(),
  timestamp: inputTimeSchema.optional(),
  scheduledTime: inputTimeSchema.nullish(),
  message: textSchema.nullish(),
})
