// Prefect's JSON is snake_case, the library's records and inputs are camelCase.

export type Json = Record<string, unknown>

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function toSnakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** The key's name in the library, or `undefined` for one that is not spelled as Prefect spells keys. */
export function toCamelCase(key: string): string | undefined {
  const camelCase = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  return toSnakeCase(camelCase) === key ? camelCase : undefined
}

/** Renames the keys of an object, and not those of what it holds: JSON columns are the caller's own. */
export function renameKeys(value: object, rename: (key: string) => string): Json {
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [rename(key), member]))
}
