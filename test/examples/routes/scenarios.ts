import { ofPools } from './of-pools.js'
import { ofRuns } from './of-runs.js'
import { ofStates } from './of-states.js'
import type { Scenario } from './transcript.js'

/** What is sent to a real Prefect server and to the example, by the file that keeps the real server's answers. */
export const scenarios: readonly (readonly [file: string, scenarios: readonly Scenario[]])[] = [
  ['pools', ofPools],
  ['runs', ofRuns],
  ['states', ofStates],
]

/** Where the answers of a real server are kept. */
export const answersOf = (file: string): URL => new URL(`answers/${file}.json`, import.meta.url)
