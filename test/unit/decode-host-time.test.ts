import { decodeTime, InvalidInputError } from 'kysely-work-queues'
import { describe, expect, test } from 'vitest'

// What a host's own statement has read: contracts are in test/contract/hosts/host-times.test.ts.

describe('decodeTime', () => {
  test.each([
    [new Date(5), 5],
    ['2026-03-02 03:04:05.678901', Date.parse('2026-03-02T03:04:05.678Z')],
    ['2026-03-02T03:04:05.678901+00:00', Date.parse('2026-03-02T03:04:05.678Z')],
    ['1772420645.678901', Date.parse('2026-03-02T03:04:05.678Z')],
    ['infinity', 8.64e15],
    [Infinity, 8.64e15],
    [-Infinity, -8.64e15],
  ])('reads %s', (value, time) => expect(decodeTime(value).getTime()).toBe(time))

  test('has null for null', () => expect(decodeTime(null)).toBeNull())

  test.each([new Date(NaN), 'soon', '', NaN, 0, 1_772_420_645, undefined, true, {}])('refuses %s', (value) => {
    expect(() => decodeTime(value as string)).toThrow(InvalidInputError)
    expect(() => decodeTime(value as string)).toThrow(/^Invalid input: value: .* is no time$/)
  })
})
