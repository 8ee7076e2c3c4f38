import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeTime } from '../../src/model/values.js'

describe('a time that is read', () => {
  test('is the same in each spelling of it, cut to milliseconds', () => {
    const time = fc.date({
      min: new Date('0001-01-01'),
      max: new Date('9999-12-31T23:59:59.999Z'),
      noInvalidDate: true,
    })
    fc.assert(
      fc.property(time, fc.integer({ min: 0, max: 999 }), (date, microseconds) => {
        const iso = date.toISOString().slice(0, -1)
        const finer = String(microseconds).padStart(3, '0')
        for (const zone of ['+00:00', '+00', 'Z', '']) {
          expect(decodeTime(`${iso}${zone}`)).toEqual(date)
          expect(decodeTime(`${iso}${finer}${zone}`)).toEqual(date)
          expect(decodeTime(`${iso}${finer}${zone}`.replace('T', ' '))).toEqual(date)
          expect(decodeTime(`${iso.slice(0, 19)}${zone}`).getTime()).toBe(Math.floor(date.getTime() / 1000) * 1000)
        }
      }),
    )
  })

  test.each([
    '0000-01-01T00:00:00+00:00',
    '2026-02-29T00:00:00+00:00',
    '2026-04-31T00:00:00+00:00',
    '2026-13-01T00:00:00+00:00',
    '2026-00-01T00:00:00+00:00',
    '2026-01-00T00:00:00+00:00',
    '2026-01-01T24:00:00+00:00',
    '2026-01-01T10:60:00+00:00',
    '2026-01-01T10:00:60+00:00',
    '2026-01-01T10:00:00.123456789x+00:00',
    '2026-01-01T10:00:00123+00:00',
  ])('is none when it is %s, in the spelling of either database', (text) => {
    expect(() => decodeTime(text)).toThrow(RangeError)
    expect(() => decodeTime(text.replace('T', ' ').replace('+00:00', ''))).toThrow(RangeError)
  })
})
