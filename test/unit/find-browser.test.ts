import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findBrowser } from '../support/find-browser.js'
import { emptyFolder } from '../support/shell.js'

// Where npm brings no browser.
const machine = { platform: 'linux', arch: 'arm64' } as const

test('where there is no browser, the tests that need one fail with a sentence that says what to do', async () => {
  await using folder = await emptyFolder()
  // What is no program is none.
  await writeFile(join(folder.path, 'chromium'), '')
  await expect(findBrowser({ ...machine, env: { PATH: folder.path } })).rejects.toThrow(
    'No browser was found. Install Chrome or Chromium, so that one of these is on the PATH: chromium, chromium-browser, google-chrome-stable, google-chrome, chrome; or name its program in CHROME_BIN.',
  )
})

test('one that is installed is found, and one that is named is taken', async () => {
  await using folder = await emptyFolder()
  const program = join(folder.path, 'google-chrome')
  await writeFile(program, '')
  await chmod(program, 0o755)
  expect(await findBrowser({ ...machine, env: { PATH: `/none:${folder.path}` } })).toEqual({ executablePath: program })
  const named = { executablePath: '/opt/chrome' }
  expect(await findBrowser({ ...machine, env: { PATH: folder.path, CHROME_BIN: '/opt/chrome' } })).toEqual(named)
  expect(await findBrowser({ platform: 'linux', arch: 'x64', env: { CHROME_BIN: '/opt/chrome' } })).toEqual(named)
})
