/** Calls for `test.each('%s', …)`. With `'$title'` Vitest would quote a title and cut it to 40 characters. */
export function titled<T extends { readonly title: string }>(calls: readonly T[]): (readonly [string, T])[] {
  return calls.map((call) => [call.title, call])
}
