import * as kysely from 'kysely'

// Kysely 0.29 has moved what runs migrations into an entry point of its own, which 0.28 does not have.
const entry: string = 'kysely/migration'
const moved: typeof kysely = 'Migrator' in kysely ? kysely : await import(entry)

/** Kysely's `Migrator`, of whichever version is installed. */
export const { Migrator, NO_MIGRATIONS } = moved
export type Migrator = kysely.Migrator
