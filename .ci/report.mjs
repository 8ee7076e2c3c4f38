// Says what failed in a way that whoever reads only the end of the output knows it: node .ci/report.mjs <results.json> <folder of logs>

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

const SHOWN_LINES = 40

const [resultsFile, logs] = process.argv.slice(2)
const failedSteps = readdirSync(logs)
  .filter((file) => file.endsWith('.command'))
  .toSorted()
  .map((file) => ({
    command: readFileSync(`${logs}/${file}`, 'utf8').trim(),
    lines: linesOf(readFileSync(`${logs}/${file.replace(/command$/, 'log')}`, 'utf8')),
  }))
const run = existsSync(resultsFile) ? JSON.parse(readFileSync(resultsFile, 'utf8')) : undefined
const failures = new Map(run === undefined ? [['npm test', 'left no results']] : failuresIn(run))
const errors = []
for (const { lines } of failedSteps) {
  // A failed hook is in no results: its tests are skipped there.
  for (const [name, error] of printedFailures(lines)) if (!failures.has(name)) failures.set(name, error)
  errors.push(...printedErrors(lines))
}

for (const { command, lines } of failedSteps) {
  console.log(`\n== the end of: ${command}\n`)
  console.log(lines.slice(-SHOWN_LINES).join('\n'))
}
if (failedSteps.length > 0) console.log(`\n== steps that failed: ${failedSteps.length}`)
for (const { command } of failedSteps) console.log(command)
if (failures.size > 0) console.log(`\n== tests that failed: ${failures.size}`)
for (const [name, error] of failures) console.log(`${name}\n    ${error}`)
if (errors.length > 0) console.log(`\n== errors outside of tests, which fail a step too: ${errors.length}`)
for (const error of errors) console.log(error)

const passed = run?.numPassedTests ?? 0
console.log(`\n${passed} passed, ${failures.size} failed`)
process.exitCode = failedSteps.length === 0 && passed > 0 && failures.size === 0 ? 0 : 1

/** Each failed test, and each file that could not be loaded, with the first line of its error. */
function failuresIn({ testResults }) {
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(process.cwd(), name)
    if (status === 'failed' && assertionResults.length === 0) return [[file, firstLine(message)]]
    return assertionResults
      .filter((test) => test.status === 'failed')
      .map((test) => [[file, ...test.ancestorTitles, test.title].join(' > '), firstLine(test.failureMessages[0] ?? '')])
  })
}

/** The same as Vitest prints it: ` FAIL  file > suite > test`, several of one error below each other, and the error. */
function printedFailures(lines) {
  return lines.flatMap((line, index) => {
    const name = /^ FAIL {2}(.*?)(?: \[ .* \])?$/.exec(line)?.[1]
    if (name === undefined) return []
    return [[name, lines.slice(index).find((next) => next.trim() !== '' && !next.startsWith(' FAIL ')) ?? '']]
  })
}

/** What Vitest fails for without a failed test: errors that nobody awaited, and coverage below a threshold. */
function printedErrors(lines) {
  return lines.flatMap((line, index) => {
    if (line.startsWith('ERROR: Coverage')) return [line]
    if (!/^⎯+ (?:Unhandled|Uncaught) (?!Errors)\w+ ⎯+$/.test(line)) return []
    const from = lines.slice(index).find((next) => next.startsWith('This error originated in')) ?? ''
    return [`${lines[index + 1] ?? ''} (${/"(.*)"/.exec(from)?.[1] ?? 'somewhere'})`]
  })
}

function linesOf(text) {
  return stripVTControlCharacters(text).trimEnd().split('\n')
}

function firstLine(text) {
  return text.trim().split('\n')[0]
}
