import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'

const TMPFS = 0x01021994

/** Where the measured databases are, in words: on a disk, a claim waits for its flush. */
export const storage: string = statfsSync(tmpdir()).type === TMPFS ? 'in memory (tmpfs)' : 'on disk'
