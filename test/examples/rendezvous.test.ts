import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chooseServer } from '../../examples/many-databases/rendezvous.js'

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `server-${n + 1}`)
const KEYS = Array.from({ length: 6_000 }, (_, n) => `pool ${n}`)

const someServers = fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 8 })

describe('the server of a key', () => {
  test('is the same whatever the order in which servers are known', () => {
    fc.assert(
      fc.property(fc.string(), someServers, (key, servers) => {
        expect(servers).toContain(chooseServer(key, servers))
        expect(chooseServer(key, servers.toReversed())).toBe(chooseServer(key, servers))
      }),
    )
  })

  test('stays, or is the one that was added', () => {
    fc.assert(
      fc.property(fc.string(), someServers, fc.string(), (key, servers, added) => {
        const before = chooseServer(key, servers)
        expect([before, added]).toContain(chooseServer(key, [...servers, added]))
      }),
    )
  })

  test('is one of all in equal parts, of which a server that is added takes its own from each', () => {
    for (const count of [2, 3, 5, 8]) {
      const servers = names(count)
      const of = new Map(servers.map((name) => [name, 0]))
      const givenBy = new Map(servers.map((name) => [name, 0]))
      for (const key of KEYS) {
        const server = chooseServer(key, servers)
        of.set(server, (of.get(server) ?? 0) + 1)
        if (chooseServer(key, [...servers, 'added']) === 'added') givenBy.set(server, (givenBy.get(server) ?? 0) + 1)
      }
      // Five standard deviations of as many coins.
      const expectShare = (found: number, share: number): void => {
        const off = 5 * Math.sqrt(KEYS.length * share * (1 - share))
        expect(Math.abs(found - KEYS.length * share)).toBeLessThan(off)
      }
      for (const found of of.values()) expectShare(found, 1 / count)
      for (const given of givenBy.values()) expectShare(given, 1 / count / (count + 1))
    }
  })

  test('cannot be one of none', () => {
    expect(() => chooseServer('pool', [])).toThrow('there are no servers')
  })
})
