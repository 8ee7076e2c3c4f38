import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { root } from '../support/shell.js'

/** What the example prints, as a program of its own, which starts its own two servers. */
async function runExample(): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', 'examples/many-databases.ts'],
    // tsx takes this repository's tsconfig.json, and so the library's sources.
    { cwd: root },
  )
  return stdout
}

test(
  'of two servers one crashes under load: the other goes on, limits hold, and nothing is lost or done twice',
  { timeout: 180_000 },
  async () => {
    const printed = await runExample()
    process.stdout.write(printed)
    const numbers = (pattern: RegExp): number[] => {
      const [, ...found] = pattern.exec(printed) ?? []
      expect(found, `${pattern}`).not.toEqual([])
      return found.map(Number)
    }
    // By priority first, then by start, over both.
    const [, first = ''] = /claimed first: (.*)/.exec(printed) ?? []
    const names = ['acme', 'bravo', 'cargo', 'delta', 'eagle', 'fjord', 'gamma', 'hotel']
    expect(first.replaceAll(/ \((?:north|south)\)/g, '').split(', ')).toEqual([
      ...names.map((name) => `${name} urgent 2`),
      'acme bulk 1',
      'bravo bulk 1',
    ])
    expect(first).toMatch(/north/)
    expect(first).toMatch(/south/)

    const [meanwhile = 0] = numbers(/south crashed; north completed (\d+) runs until it was back/)
    expect(meanwhile).toBeGreaterThanOrEqual(30)
    const [ofNorth, ofSouth = 0] = numbers(/calls that were not answered: (\d+) by north, (\d+) by south/)
    expect(ofNorth).toBe(0)
    expect(ofSouth).toBeGreaterThan(0)
    // Those that were claimed first, and what was under way on the server that crashed.
    const [, released = 0] = numbers(/let go: (\d+); leases that expired and were released: (\d+)/)
    expect(released).toBeGreaterThanOrEqual(10)

    let runs = 0
    for (const server of ['north', 'south']) {
      const [completed = 0, times] = numbers(new RegExp(`${server}: (\\d+) COMPLETED; completed in all (\\d+) times`))
      expect(times).toBe(completed)
      runs += completed
      const [inPool = 0, inUrgent] = numbers(
        new RegExp(`${server}: most active at once: (\\d+) in a pool, (\\d+) in a queue "urgent"`),
      )
      expect(inPool).toBeGreaterThan(1)
      expect(inPool).toBeLessThanOrEqual(3)
      expect(inUrgent).toBe(1)
      expect(printed).toContain(`${server}: slots held in the end: 0; states that follow none that they may: 0\n`)
      const [answered = 0, lost] = numbers(
        new RegExp(`${server}: claims that were answered: (\\d+), of which lost: (\\d+)`),
      )
      expect(answered).toBeGreaterThanOrEqual(completed)
      expect(lost).toBe(0)
    }
    expect(runs).toBe(320)
    const [pieces = 0, twice] = numbers(/pieces of work: (\d+), of which two at once on one run: (\d+)/)
    expect(pieces).toBeGreaterThanOrEqual(runs)
    expect(twice).toBe(0)
    expect(printed).toMatch(/(\w+) was moved; claimed there: \1 last \(south\)\n/)
  },
)
