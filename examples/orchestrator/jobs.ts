import { setTimeout } from 'node:timers/promises'
import { z } from 'zod'

const waitParameters = z.object({ milliseconds: z.number() })
const flakyParameters = z.object({ failures: z.number() })

/** What a run can ask for, by the name in its parameter `job`. A job stops when its signal says so. */
const JOBS: Record<string, (parameters: unknown, attempt: number, signal: AbortSignal) => Promise<unknown>> = {
  async wait(parameters, _, signal) {
    await setTimeout(waitParameters.parse(parameters).milliseconds, undefined, { signal })
  },
  async flaky(parameters, attempt) {
    if (attempt <= flakyParameters.parse(parameters).failures) throw new Error(`attempt ${attempt} failed`)
  },
}

export async function runJob(
  parameters: Readonly<Record<string, unknown>>,
  attempt: number,
  signal: AbortSignal,
): Promise<void> {
  const job = JOBS[String(parameters['job'])]
  if (job === undefined) throw new Error(`There is no job ${JSON.stringify(parameters['job'])}`)
  await job(parameters, attempt, signal)
}
