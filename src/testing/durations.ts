import type { Duration } from 'date-fns'
import { addMilliseconds } from 'date-fns/addMilliseconds'
import { milliseconds } from 'date-fns/milliseconds'
import * as z from 'zod'

const number = z.number().optional()
const integer = z.int().optional()

/** Checks a `Duration` of date-fns. Years and months are whole ones. */
export const durationSchema: z.ZodType<Duration> = z.strictObject({
  years: integer,
  months: integer,
  weeks: number,
  days: number,
  hours: number,
  minutes: number,
  seconds: number,
}) as z.ZodType<Duration>

/**
 * Adds a duration to a time in UTC, where every day has 24 hours: date-fns' own `add` goes by the local time
 * zone, in which a test would get other times on another machine. A month's end stays a month's end: a month
 * after January 31 is February 28.
 */
export function addDuration(time: Date, { years = 0, months = 0, ...rest }: Duration): Date {
  const moved = new Date(time)
  moved.setUTCMonth(moved.getUTCMonth() + 12 * years + months)
  if (moved.getUTCDate() !== time.getUTCDate()) moved.setUTCDate(0)
  return addMilliseconds(moved, milliseconds(rest))
}
