import type { FlowRunExplanation } from './explain-flow-run.js'
import type { WorkQueueExplanation } from './explain-work-queue.js'

/**
 * Makes the text of an explanation, of several lines, for a terminal or a log.
 *
 * @example
 * ```ts
 * console.log(formatExplanation(await explainFlowRun(db, run.id)))
 * // Flow run 0197... is not handed out:
 * //   - The work queue "etl" has no open slot of 1: held by "load" (RUNNING since 2026-01-01T00:00:00.000Z).
 * ```
 */
export function formatExplanation(explanation: FlowRunExplanation | WorkQueueExplanation): string {
  const heading = 'flowRunId' in explanation ? flowRunHeading(explanation) : workQueueHeading(explanation)
  return [...heading, ...explanation.reasons.map(({ sentence }) => `  - ${sentence}`)].join('\n')
}

function flowRunHeading({ flowRunId, handedOut }: FlowRunExplanation): string[] {
  return [`Flow run ${flowRunId} is ${handedOut ? 'handed out' : 'not handed out'}:`]
}

function workQueueHeading(queue: WorkQueueExplanation): string[] {
  const number = (runs: number): string => (runs >= queue.countLimit ? `${queue.countLimit} or more` : String(runs))
  return [
    `Work queue ${JSON.stringify(queue.workQueueName)} of work pool ${JSON.stringify(queue.workPoolName)}: ${queue.status}`,
    `  scheduled ${number(queue.scheduled)}, due ${number(queue.due)}, late ${number(queue.late)}, active ${number(queue.active)}`,
    `  slots: queue ${slots(queue.openSlots)}, pool ${slots(queue.openPoolSlots)}`,
    `  next start: ${queue.nextStartTime?.toISOString() ?? 'none'}; last polled: ${queue.lastPolled?.toISOString() ?? 'never'}`,
    ...(queue.reasons.length === 0 ? ['  Nothing holds it back.'] : []),
  ]
}

function slots(open: number | null): string {
  return open === null ? 'no limit' : `${open} open`
}
