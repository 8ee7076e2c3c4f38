import { decodeStored } from '../model/columns.js'
import { type FlowRun, flowRunColumns } from '../model/flow-run.js'

// PostgreSQL: runs that a statement returns whole, as `cast(row_to_json(run) as text) as run`.

/** Reads a run. */
export function readStoredRun(run: string): FlowRun {
  return decodeStored(flowRunColumns, JSON.parse(run) as object)
}

/** Reads the runs of rows that have one each, or none. */
export function readStoredRuns(rows: readonly { readonly run?: string | null }[]): FlowRun[] {
  return rows.flatMap(({ run }) => (typeof run === 'string' ? [readStoredRun(run)] : []))
}
