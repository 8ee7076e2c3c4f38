/** The databases that are spoken. */
export type Dialect = 'postgres' | 'sqlite'
