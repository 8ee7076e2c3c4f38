// Taken once, so that it asks for a time's own slot, and not for a class: a `Date` of another realm (Jest,
// `vm`, a native addon) is none of ours, and one made before a fake clock took the class's place is none of
// that.
const { getTime } = Date.prototype as { getTime: (this: unknown) => number }

/**
 * The moment of a `Date`, in milliseconds, whatever realm or class it is of; `NaN` of an invalid one,
 * `undefined` of what is none.
 */
export function momentOf(value: unknown): number | undefined {
  try {
    return getTime.call(value)
  } catch {
    return undefined
  }
}

/** Whether a value is a `Date` that has a moment. */
export function isValidDate(value: unknown): value is Date {
  return !Number.isNaN(momentOf(value) ?? Number.NaN)
}
