import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { unpackChromium } from './unpack-chromium.js'

/** A browser's program, and what it needs beside what is there. */
export interface FoundBrowser {
  readonly executablePath: string
  readonly env?: Record<string, string>
}

type Machine = Pick<NodeJS.Process, 'platform' | 'arch' | 'env'>

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome']
const ON_MAC = ['Google Chrome', 'Chromium'].map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`)

/**
 * Finds Chromium: the one of CHROME_BIN; on Linux on x64 the one that npm install brings, so that tests need nothing else and are the same
 * everywhere; on other machines the one that is installed.
 */
export async function findBrowser({ platform, arch, env }: Machine = process): Promise<FoundBrowser> {
  const { CHROME_BIN, PATH = '' } = env
  if (CHROME_BIN) return { executablePath: CHROME_BIN }
  if (platform === 'linux' && arch === 'x64') return await unpackChromium()
  const paths = PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)))
  const executablePath = [...(platform === 'darwin' ? ON_MAC : []), ...paths].find(isProgram)
  if (executablePath !== undefined) return { executablePath }
  throw new Error(
    `No browser was found. Install Chrome or Chromium, so that one of these is on the PATH: ${NAMES.join(', ')}; or name its program in CHROME_BIN.`,
  )
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
