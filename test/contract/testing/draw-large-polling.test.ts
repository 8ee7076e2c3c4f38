import { drawPolling, type PollingHistory } from 'kysely-work-queues/testing'
import { expect, test } from 'vitest'
import { handOut, history } from './hand-made-history.js'
import { parse } from './parse-picture.js'
import { at, start } from './simulations.js'

test('draws ten thousand hand-outs in less than a megabyte, within a second', () => {
  const queues = Array.from({ length: 10 }, (_, n) => `queue-${n}`)
  const active = new Map<string, number>()
  const slots = queues.map((queue) => ({
    at: start,
    kind: 'queue' as const,
    queue,
    pool: 'etl',
    limit: 20,
    active: 0,
  }))
  const changes = Array.from({ length: 20_000 }, (_, n) => {
    const name = `queue-${(n * 7) % 10}`
    const now = Math.max(0, (active.get(name) ?? 0) + ((n * n) % 7 < 4 ? 1 : -1))
    active.set(name, now)
    return { at: at(n * 0.18), kind: 'queue' as const, queue: name, pool: 'etl', limit: 20, active: now }
  })
  const large: PollingHistory = {
    ...history,
    endedAt: at(3600),
    slots: [...slots, ...changes],
    handOuts: Array.from({ length: 10_000 }, (_, n) => {
      const from = n * 0.36
      const place = { queue: `queue-${(n * 7) % 10}` }
      return n % 9 === 0
        ? handOut(`poller-${n % 50}`, from, null, { ...place, startedAt: null, outcome: 'refused' })
        : handOut(`poller-${n % 50}`, from, from + 2 + ((n * 13) % 60), { ...place, startedAt: at(from + 1) })
    }),
    late: Array.from({ length: 10_000 }, (_, n) => ({
      queue: `queue-${(n * 7) % 10}`,
      pool: 'etl',
      run: `${n}`,
      attempt: 1,
      dueAt: at(n * 0.36),
      ...(n % 3 === 0 ? { startedAt: null } : { startedAt: at(3600) }),
      lateBySeconds: 3600 - n * 0.36 + ((n * 31) % 100),
    })),
  }
  const before = process.cpuUsage()
  const svg = drawPolling(large)
  const { user, system } = process.cpuUsage(before)
  expect(Buffer.byteLength(svg)).toBeGreaterThan(100_000)
  expect(Buffer.byteLength(svg)).toBeLessThan(1_000_000)
  expect((user + system) / 1000).toBeLessThan(1000)
  parse(svg)
})
