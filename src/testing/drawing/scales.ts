/** Where the plots are, in pixels. */
export const WIDTH = 960
export const LEFT = 150
export const RIGHT: number = WIDTH - 24

/** Time along a picture. */
export interface TimeScale {
  readonly seconds: number
  readonly startedAt: Date
  /** Where a time is. */
  x(time: Date): number
}

/** The scale of what happened between two times. */
export function timeScale(startedAt: Date, endedAt: Date): TimeScale {
  const span = Math.max(1, endedAt.getTime() - startedAt.getTime())
  return {
    seconds: span / 1000,
    startedAt,
    x(time) {
      const part = (time.getTime() - startedAt.getTime()) / span
      return LEFT + Math.min(1, Math.max(0, part)) * (RIGHT - LEFT)
    },
  }
}

const MINUTE = 60
const HOUR = 3600
const DAY = 86_400
const UNITS = [
  { unit: 'd', seconds: DAY, from: 3 * DAY },
  { unit: 'h', seconds: HOUR, from: 3 * HOUR },
  { unit: 'min', seconds: MINUTE, from: 3 * MINUTE },
  { unit: 's', seconds: 1, from: 0 },
] as const

/** Round numbers of seconds from 0 up to a span, at most `most` steps, each with its label. */
export function timeTicks(span: number, most: number): { readonly seconds: number; readonly label: string }[] {
  const { unit, seconds } = UNITS.find(({ from }) => span >= from) ?? UNITS[3]
  const step = roundStep(span / seconds, most, unit)
  const count = Math.floor(span / seconds / step + 1e-9)
  return Array.from({ length: count + 1 }, (_, index) => {
    const number = Math.round(index * step * 1e6) / 1e6
    return { seconds: number * seconds, label: `${number} ${unit}` }
  })
}

/** The least round step by which a span takes at most `most`. */
function roundStep(span: number, most: number, unit: 'd' | 'h' | 'min' | 's'): number {
  const rounds = { d: [], h: [1, 2, 3, 6, 12, 24], min: [1, 2, 5, 10, 15, 30, 60], s: [] }[unit]
  const least = span / most
  const round = rounds.find((step) => step >= least)
  if (round !== undefined) return round
  const power = 10 ** Math.floor(Math.log10(least))
  return ([1, 2, 5, 10].find((step) => step * power >= least * (1 - 1e-9)) ?? 10) * power
}

/** A time span in words, such as `44 min`. */
export function spanText(seconds: number): string {
  const { unit, seconds: each } = UNITS.find(({ from }) => seconds >= from) ?? UNITS[3]
  return `${Math.round((seconds / each) * 10) / 10} ${unit}`
}
