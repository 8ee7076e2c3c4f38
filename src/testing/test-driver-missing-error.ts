import { WorkQueueError } from '../errors.js'

/** The test kit needs a driver that is not installed. */
export class TestDriverMissingError extends WorkQueueError {
  override readonly name = 'TestDriverMissingError'
  readonly code = 'TEST_DRIVER_MISSING'
  /** The package to install. */
  readonly driver: string

  constructor(driver: string, options?: ErrorOptions) {
    super(
      `Test sessions need the package ${driver}, which is not installed (npm install --save-dev ${driver}), or node:sqlite, which this Node does not have.`,
      options,
    )
    this.driver = driver
  }
}
