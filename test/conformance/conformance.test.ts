import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../support/databases.js'
import { comparable, inPrefectsWords } from './comparable.js'
import { DIFFERENCES } from './differences.js'
import { replay, type Scenario, type StepTrace } from './replay.js'

// What real Prefect 3.8.8 answered on each database, step by step, replayed through the library. Where the library answers
// otherwise, that is one of the differences that its README states, and it is checked as exactly that.

const fixtures = fileURLToPath(new URL('fixtures', import.meta.url))
const families = readdirSync(`${fixtures}/scenarios`)

/** Steps that write rows past the functions: Prefect's trace of them is not an answer. */
const WRITES_ROWS = /^(flow_runs\.|deployments\.|queue\.set|pool\.set|worker\.set|clock\.)/

for (const kind of [sqliteMemory, postgres]) {
  describe(`on ${kind.name}`, () => {
    for (const family of families) {
      const scenarios = lines<Scenario>(`scenarios/${family}`)
      const traces = new Map(
        lines<{ name: string; results: StepTrace[] }>(`${kind.dialect}/${family}`).map((t) => [t.name, t.results]),
      )
      test.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
        'answers as Prefect does: %s',
        async (name, scenario) => {
          await using database = await kind.create()
          const answers = await replay(database, scenario)
          for (const [index, step] of scenario.steps.entries()) {
            if (WRITES_ROWS.test(step.op)) continue
            const at = `${name}, step ${index}: ${step.op}`
            const ours = comparable(answers[index] ?? {})
            const prefect = comparable(traces.get(name)?.[index] ?? {})
            const difference = DIFFERENCES.find(
              (d) => d.scenario === name && d.step === index && d.on.includes(kind.dialect),
            )
            if (difference === undefined) {
              expect(inPrefectsWords(ours, prefect), at).toEqual(prefect)
            } else {
              expect(ours, `${at} (${difference.why})`).toEqual(difference.ours)
              expect(inPrefectsWords(ours, prefect), `${at} no longer differs`).not.toEqual(prefect)
            }
          }
        },
      )
    }
  })
}

test('every stated difference is of a step that exists', () => {
  const steps = new Map(
    families.flatMap((family) => lines<Scenario>(`scenarios/${family}`)).map((s) => [s.name, s.steps]),
  )
  for (const { scenario, step } of DIFFERENCES) expect(steps.get(scenario)?.[step], `${scenario} ${step}`).toBeDefined()
})

function lines<T>(file: string): T[] {
  return readFileSync(`${fixtures}/${file}`, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)
}
