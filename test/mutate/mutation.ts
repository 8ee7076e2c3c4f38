/** A change of the source that a test has to see. */
export interface Mutation {
  readonly file: string
  /** A text that stands in the file once. */
  readonly find: string
  readonly replace: string
  /**
   * The test file, and what the full name of the test has in it, in order: `test/unit/open-slots.test.ts > beyond it`,
   * `test/contract/history.test.ts > on PostgreSQL > whatever clocks say`.
   */
  readonly fails: string
}
