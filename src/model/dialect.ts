/** The SQL dialects that are supported. */
export type Dialect = 'postgres' | 'sqlite'
