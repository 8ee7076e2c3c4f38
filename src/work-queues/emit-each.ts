/**
 * Tells of each of what was changed and is committed by now, one after the other. One that fails keeps the
 * others from nothing: then its error is thrown, or all of them together.
 */
export async function emitEach<T>(changed: readonly T[], emit: ((change: T) => unknown) | undefined): Promise<void> {
  if (emit === undefined) return
  const errors: unknown[] = []
  for (const change of changed) {
    try {
      await emit(change)
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length === 1) throw errors[0]
  if (errors.length > 1) throw new AggregateError(errors, `emitStatusChange failed ${errors.length} times`)
}
