// What Prefect's server lets a flow run do next: the rules of its orchestration that look at nothing but the run.
// The library itself allows every change of state: which are, is the host's to say.

import type { FlowRun, FlowRunStateInput, JsonObject, StateType } from 'kysely-work-queues'
import { defaultStateName, isTerminal } from 'kysely-work-queues/rules'

/** What becomes of a proposed state. */
export interface Decision {
  readonly status: 'ACCEPT' | 'REJECT' | 'ABORT' | 'WAIT'
  /** The state that the run enters, if any: the proposed one, or another in its place. */
  readonly state?: FlowRunStateInput
  /** What changes in the run's policy with it. */
  readonly policy?: JsonObject
  readonly reason?: string
  readonly delaySeconds?: number
}

interface Transition {
  readonly run: FlowRun
  readonly from: StateType
  readonly to: StateType
  readonly proposed: FlowRunStateInput
  readonly name: string
  readonly now: Date
}

type Rule = (transition: Transition) => Decision | undefined

const abort = (reason: string): Decision => ({ status: 'ABORT', reason })
const reject = (reason: string, state?: FlowRunStateInput, policy?: JsonObject): Decision => ({
  status: 'REJECT',
  reason,
  ...(state && { state }),
  ...(policy && { policy }),
})

const staysEnded: Rule = ({ run, from, to }) => {
  if (!isTerminal(from)) return undefined
  if (to === 'CANCELLING' || to === 'PAUSED' || to === 'CRASHED') {
    return abort(`Run is already in terminal state ${from}.`)
  }
  if (to === 'SCHEDULED' && run.deploymentId === null) {
    return abort('Cannot reschedule a run without an associated deployment.')
  }
  return undefined
}

const staysCancelling: Rule = ({ from, to }) =>
  from === 'CANCELLING' && to !== 'CANCELLED'
    ? reject('Cannot transition flows that are cancelling to a state other than Cancelled.')
    : undefined

/** Where nothing runs yet, there is nothing to stop. */
const cancelsAtOnce: Rule = ({ run, from, to }) =>
  from === 'SCHEDULED' && to === 'CANCELLING' && (run.infrastructurePid === null || run.stateName === 'Resuming')
    ? reject('Scheduled flow run has no infrastructure to terminate.', { type: 'CANCELLED' })
    : undefined

/** Of two workers that submit a run, the second is told so. */
const isSubmittedOnce: Rule = ({ run, from, to, name }) => {
  if (to !== 'PENDING' || !['PENDING', 'CANCELLING', 'RUNNING', 'CANCELLED'].includes(from)) return undefined
  if (from === 'PENDING' && run.stateName !== name && name !== 'Pending') return undefined
  return abort(`This run is in a ${from} state and cannot transition to a PENDING state.`)
}

const isLateOnce: Rule = ({ run, from, to, name }) => {
  if (to !== 'SCHEDULED' || name !== 'Late') return undefined
  if (from !== 'SCHEDULED') return reject('Only scheduled flows can be marked late.')
  return run.stateName === 'Late' ? reject('This flow run is already marked late.') : undefined
}

const pausesWhatRuns: Rule = ({ from, to, name }) =>
  to === 'PAUSED' && from !== 'RUNNING'
    ? reject(`Cannot ${name === 'Suspended' ? 'suspend' : 'pause'} flows that are not currently running.`)
    : undefined

const resumes: Rule = ({ from, to }) =>
  from === 'PAUSED' && !isTerminal(to) && to !== 'RUNNING' && to !== 'SCHEDULED' && to !== 'CANCELLING'
    ? reject(`This run cannot transition to the ${to} state from the ${from} state.`)
    : undefined

const waitsForItsTime: Rule = ({ run, from, to, now }) => {
  if (to !== 'RUNNING' || (from !== 'SCHEDULED' && from !== 'PENDING')) return undefined
  const milliseconds = (run.nextScheduledStartTime?.getTime() ?? 0) - now.getTime()
  const delaySeconds = Math.round(milliseconds / 1000)
  return delaySeconds > 0 ? { status: 'WAIT', reason: 'Scheduled time is in the future', delaySeconds } : undefined
}

/** A failed run with retries left is scheduled anew, for the process that ran it. */
const triesAgain: Rule = ({ run, from, to, proposed, now }) => {
  if (from !== 'RUNNING' || to !== 'FAILED') return undefined
  const { retries, retry_delay: delay } = run.empiricalPolicy
  if (typeof retries !== 'number' || run.runCount > retries) {
    return { status: 'ACCEPT', state: proposed, policy: { retry_type: null } }
  }
  const scheduledTime = new Date(now.getTime() + (typeof delay === 'number' ? delay : 0) * 1000)
  const { message } = proposed
  const policy = { ...NOT_PAUSED, retry_type: 'in_process' }
  return reject('Retrying', { type: 'SCHEDULED', name: 'AwaitingRetry', scheduledTime, message }, policy)
}

const NOT_PAUSED = { resuming: false, pause_keys: [] }

/** The first that has something to say decides. */
const RULES: readonly Rule[] = [
  staysEnded,
  staysCancelling,
  cancelsAtOnce,
  isSubmittedOnce,
  isLateOnce,
  pausesWhatRuns,
  resumes,
  waitsForItsTime,
  triesAgain,
]

/** Decides what becomes of a state that is proposed for a run. Forced, it is entered. */
export function decideTransition(
  run: FlowRun,
  proposed: FlowRunStateInput,
  options: { readonly now: Date; readonly force: boolean },
): Decision {
  const { stateType: from } = run
  const { type: to, name = defaultStateName(to) } = proposed
  const transition = { run, to, proposed, name, now: options.now }
  if (from === null) return { status: 'ACCEPT', state: proposed }
  // A run that ends by force, having no process, is done with all the same.
  if (options.force) return cancelsAtOnce({ ...transition, from }) ?? { status: 'ACCEPT', state: proposed }
  for (const rule of RULES) {
    const decision = rule({ ...transition, from })
    if (decision !== undefined) return decision
  }
  const isTakenUpAgain = isTerminal(from) && !isTerminal(to)
  const policy = { ...NOT_PAUSED, retry_type: to === 'SCHEDULED' ? 'reschedule' : null }
  return { status: 'ACCEPT', state: proposed, ...(isTakenUpAgain && { policy }) }
}
