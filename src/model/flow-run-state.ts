import * as z from 'zod'
import { STATE_TYPES, type StateType } from '../rules/states.js'
import { type InputSchema, inputTimeSchema, labelSchema, textSchema } from './checks.js'
import { type Columns, json, type Json, nullable, table, text, time, type Timestamp } from './columns.js'
import type { JsonObject } from './json.js'

/** A state that a flow run entered. */
export interface FlowRunState {
  id: string
  created: Date
  updated: Date
  flowRunId: string
  type: StateType
  name: string
  /** When the run entered it. */
  timestamp: Date
  message: string | null
  /** What else is kept with it, under Prefect's own keys, such as `scheduled_time`. */
  stateDetails: JsonObject
}

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

export const flowRunStateColumns: Columns<FlowRunState, FlowRunStateTable> = {
  [table]: 'flow_run_state',
  id: text('id'),
  created: time('created'),
  updated: time('updated'),
  flowRunId: text('flow_run_id'),
  type: text('type'),
  name: text('name'),
  timestamp: time('timestamp'),
  message: nullable(text('message')),
  stateDetails: json('state_details', () => ({})),
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
