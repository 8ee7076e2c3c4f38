import {
  explainFlowRun,
  explainWorkQueue,
  FlowRunNotFoundError,
  readFlowRun,
  readFlowRuns,
  type Reason,
  type RequiredTables,
  type Session,
  type WorkQueueExplanation,
} from 'kysely-work-queues'

/** How many of the runs that wait are shown. */
const WAITING = 50

/** A `QueueDetail`, as it is before it is sent. */
interface ReadQueueDetail extends Pick<WorkQueueExplanation, 'lastPolled' | 'reasons'> {
  readonly waiting: readonly { id: string; name: string; stateName: string | null; start: Date | null }[]
}

/** Reads what holds a queue back, and which runs it hands out first. */
export async function readDetailOfQueue<DB extends RequiredTables>(
  db: Session<DB>,
  id: string,
  now: Date | undefined,
): Promise<ReadQueueDetail> {
  const { lastPolled, reasons } = await explainWorkQueue(db, id, { now })
  const runs = await readFlowRuns(db, {
    filter: { memberOf: id, stateType: { any: ['SCHEDULED'] } },
    orderBy: 'nextScheduledStartTime',
    limit: WAITING,
  })
  const waiting = runs.map(({ id, name, stateName, nextScheduledStartTime: start }) => ({ id, name, stateName, start }))
  return { lastPolled, reasons, waiting }
}

/** A `RunDetail`, as it is before it is sent. */
interface ReadRunDetail {
  readonly name: string
  readonly stateName: string | null
  readonly handedOut: boolean
  readonly reasons: readonly Reason[]
}

/** Reads why a run does or does not start. */
export async function readDetailOfRun<DB extends RequiredTables>(
  db: Session<DB>,
  id: string,
  now: Date | undefined,
): Promise<ReadRunDetail> {
  const run = await readFlowRun(db, id)
  if (run === undefined) throw new FlowRunNotFoundError(id)
  const { handedOut, reasons } = await explainFlowRun(db, id, { now })
  return { name: run.name, stateName: run.stateName, handedOut, reasons }
}
