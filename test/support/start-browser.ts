import { type Browser, chromium } from 'playwright-core'
import { findBrowser } from './find-browser.js'

/** Starts Chromium, without a window. */
export async function startBrowser(): Promise<Browser> {
  const { executablePath, env = {} } = await findBrowser()
  return await chromium.launch({
    executablePath,
    env: { ...process.env, ...env },
    args: [
      // CI is root.
      '--no-sandbox',
      '--disable-gpu',
      // Nothing is asked of anyone but the server of the test.
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-quic',
      '--disable-sync',
      '--no-first-run',
    ],
  })
}
