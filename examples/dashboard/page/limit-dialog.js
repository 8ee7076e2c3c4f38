import { byId, setText } from './dom.js'

const dialog = byId('limit', HTMLDialogElement)
const title = byId('limit-title', HTMLElement)
const input = byId('limit-value', HTMLInputElement)

/**
 * Asks for a limit.
 *
 * @param {string} of
 * @param {number | null} limit
 * @returns {Promise<number | null | undefined>} `null` is no limit, `undefined` says that nothing is to change.
 */
export async function askLimit(of, limit) {
  setText(title, `Limit of ${of}`)
  input.value = limit === null ? '' : String(limit)
  dialog.returnValue = ''
  dialog.showModal()
  input.select()
  await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }))
  if (dialog.returnValue !== 'set') return undefined
  return input.value === '' ? null : Number(input.value)
}

byId('limit-cancel', HTMLButtonElement).addEventListener('click', () => dialog.close())
dialog.querySelector('form')?.addEventListener('submit', (event) => {
  event.preventDefault()
  dialog.close('set')
})
