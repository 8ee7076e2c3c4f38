import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../../support/databases.js'
import { comparable } from './comparable.js'
import { DIFFERENCES } from './differences.js'
import { inPrefectsWords } from './prefect-errors.js'
import { replay, type Scenario, type StepTrace } from './replay.js'
import { MAPPING_REASONS, STATED_REASONS } from './stated-reasons.js'

// What real Prefect 3.8.8 answered on each database, step by step, replayed through the library. Where the library answers
// otherwise, that is one of the differences that docs/coming-from-prefect.md states, and it is checked as exactly that.

const fixtures = fileURLToPath(new URL('fixtures', import.meta.url))
const families = readdirSync(fixtures).flatMap((file) => /^(.*)\.scenarios\.jsonl$/.exec(file)?.[1] ?? [])
const reasons = { ...STATED_REASONS, ...MAPPING_REASONS }
const differences = (Object.keys(reasons) as (keyof typeof reasons)[]).flatMap((why) =>
  DIFFERENCES[why].map((difference) => ({ ...difference, why: reasons[why] })),
)
const recorded = families.map((family) => ({ family, scenarios: lines<Scenario>(`${family}.scenarios`) }))

for (const kind of [sqliteMemory, postgres]) {
  describe(`on ${kind.name}`, () => {
    for (const { family, scenarios } of recorded) {
      const traces = new Map(
        lines<{ name: string; results: StepTrace[] }>(`${family}.${kind.dialect}`).map((t) => [t.name, t.results]),
      )
      test.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
        'answers as Prefect does: %s',
        async (name, scenario) => {
          await using database = await kind.create()
          const answers = await replay(database, scenario)
          const prefects = traces.get(name) ?? []
          expect(answers.length, 'as many answers as Prefect gave').toBe(prefects.length)
          for (const [index, step] of scenario.steps.entries()) {
            const at = `${name}, step ${index}: ${step.op}`
            const ours = comparable(answers[index] ?? {})
            const inTheirs = inPrefectsWords(ours, prefects[index] ?? {}, step)
            const prefect = comparable(prefects[index] ?? {})
            const difference = differences.find(
              ({ scenario, steps, on }) => scenario === name && steps.includes(index) && on.includes(kind.dialect),
            )
            if (difference === undefined) {
              expect(inTheirs, at).toEqual(prefect)
            } else {
              expect(ours, `${at} (${difference.why})`).toEqual(difference.ours(prefect))
              expect(inTheirs, `${at} no longer differs`).not.toEqual(prefect)
            }
          }
        },
      )
    }
  })
}

test('every difference is of a step that exists, and is stated once', () => {
  const taken = new Map(recorded.flatMap(({ scenarios }) => scenarios).map((s) => [s.name, s.steps]))
  const seen = new Set<string>()
  for (const { scenario, steps, on } of differences) {
    for (const step of steps) {
      expect(taken.get(scenario)?.[step], `${scenario} ${step}`).toBeDefined()
      for (const dialect of on) {
        expect(seen, 'stated twice').not.toContain(`${scenario} ${step} ${dialect}`)
        seen.add(`${scenario} ${step} ${dialect}`)
      }
    }
  }
})

test('every difference is one that docs/coming-from-prefect.md states, by its number', () => {
  const page = readFileSync(fileURLToPath(new URL('../../../docs/coming-from-prefect.md', import.meta.url)), 'utf8')
  const stated = page.replaceAll('**', '').replaceAll(/\s+/g, ' ')
  for (const reason of Object.values(STATED_REASONS)) expect(stated).toContain(reason)
})

function lines<T>(file: string): T[] {
  return readFileSync(`${fixtures}/${file}.jsonl`, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)
}
