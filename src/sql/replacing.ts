/** The object with another function in the place of one. Its other functions see the object itself. */
export function replacing<T extends object>(target: T, property: string, replacement: unknown): T {
  return new Proxy(target, {
    get(_, key) {
      if (key === property) return replacement
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
