import type { Seconds } from './random.js'

/** What a run will do once it is started. */
export interface Plan {
  /** How long its first attempt is RUNNING, in milliseconds. */
  readonly duration: number
  /** How long each further one is. */
  readonly durationSeconds: Seconds
  readonly failProbability: number
  /** How often it is retried after it failed. */
  readonly retries: number
  readonly retryDelaySeconds: Seconds
}
