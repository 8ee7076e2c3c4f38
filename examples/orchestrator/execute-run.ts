import { addSeconds } from 'date-fns'
import {
  type FlowRun,
  FlowRunStateConflictError,
  type FlowRunStateInput,
  renewLeases,
  setFlowRunState,
} from 'kysely-work-queues'
import type { Host } from './host-database.js'
import { runJob } from './jobs.js'
import { retrying } from './loop.js'

const MAX_ATTEMPTS = 3
const RETRY_SECONDS = 1

/** Runs a claimed run to its end, unless it is taken away or cancelled meanwhile. */
export async function executeRun(db: Host, holder: string, claimed: FlowRun, signal: AbortSignal): Promise<void> {
  // Each change names the state that we know. If the run has left it, nothing changes.
  const change = async (run: FlowRun, state: FlowRunStateInput): Promise<FlowRun> =>
    await retrying(() => setFlowRunState(db, run.id, state, { expectedStateId: run.stateId ?? undefined }))
  try {
    const running = await change(claimed, { type: 'RUNNING' })
    say(holder, running, 'begins')
    const end = await outcomeOf(running, signal)
    say(holder, running, 'ends')
    await change(running, end)
  } catch (error) {
    if (!(error instanceof FlowRunStateConflictError)) throw error
    const { cancelling } = await retrying(() => renewLeases(db, holder, { flowRunIds: [claimed.id] }))
    // Still ours, so that it is for us to say that it has stopped. Else it is another's by now.
    const expectedStateTypes = ['CANCELLING' as const]
    if (cancelling.includes(claimed.id)) {
      await retrying(() => setFlowRunState(db, claimed.id, { type: 'CANCELLED' }, { expectedStateTypes }))
    }
  }
}

/** Does the work, and says which state comes of it. */
async function outcomeOf({ parameters, runCount }: FlowRun, signal: AbortSignal): Promise<FlowRunStateInput> {
  try {
    await runJob(parameters, runCount, signal)
    return { type: 'COMPLETED' }
  } catch (error) {
    const message = String(error)
    if (runCount >= MAX_ATTEMPTS) return { type: 'FAILED', message }
    return { type: 'SCHEDULED', name: 'AwaitingRetry', scheduledTime: addSeconds(new Date(), RETRY_SECONDS), message }
  }
}

function say(holder: string, { id, stateId }: FlowRun, what: string): void {
  console.log(JSON.stringify({ at: Date.now(), holder, id, stateId, what }))
}
