import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { StepTrace } from './replay.js'

/** Where the library answers otherwise than Prefect, on purpose. */
export interface Difference {
  readonly scenario: string
  /** Which step, from 0. */
  readonly step: number
  /** On which databases; Prefect's own answer differs between them here and there. */
  readonly on: readonly ('sqlite' | 'postgres')[]
  /** The difference, as the README numbers and states them, or the reason. */
  readonly why: string
  /** The library's answer, whole. */
  readonly ours: StepTrace
}

/** Every deliberate difference in the recorded scenarios. A step that differs and is not here fails; so does one that no longer does. */
export const DIFFERENCES: readonly Difference[] = JSON.parse(
  readFileSync(fileURLToPath(new URL('fixtures/differences.json', import.meta.url)), 'utf8'),
) as Difference[]

/**
 * Which of Prefect's errors each of ours stands for. Prefect leaves many mistakes to the database (IntegrityError, DBAPIError);
 * here they are found before, and have names.
 */
export const ERRORS: Readonly<Record<string, readonly string[]>> = {
  InvalidInputError: ['ValidationError', 'ValueError', 'AttributeError', 'DBAPIError', 'IntegrityError'],
  WorkQueueExistsError: ['IntegrityError'],
  WorkPoolExistsError: ['IntegrityError'],
  WorkPoolNotFoundError: ['IntegrityError', 'ObjectNotFoundError'],
  WorkQueueNotFoundError: ['ObjectNotFoundError'],
  DefaultWorkQueueError: ['IntegrityError', 'ValueError'],
}
