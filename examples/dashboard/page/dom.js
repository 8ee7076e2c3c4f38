// Elements. Text is always set as text, and a thing is only touched when it changes.

/**
 * Makes an element with attributes and children.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Readonly<Record<string, string>>} [attributes]
 * @param {readonly (Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

/**
 * The element of the page that has this id.
 *
 * @template {HTMLElement} Type
 * @param {string} id
 * @param {new () => Type} type
 * @returns {Type}
 */
export function byId(id, type) {
  const element = document.getElementById(id)
  if (!(element instanceof type)) throw new Error(`The page has no ${type.name} ${id}`)
  return element
}

/**
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent === text) return
  // The text that is there is changed, and not replaced.
  if (node.firstChild instanceof Text && node.firstChild === node.lastChild) node.firstChild.data = text
  else node.textContent = text
}

/**
 * Sets an attribute, or takes it away.
 *
 * @param {Element} element
 * @param {string} name
 * @param {string | null} value
 */
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) === value) return
  if (value === null) element.removeAttribute(name)
  else element.setAttribute(name, value)
}

/**
 * @param {HTMLElement} element
 * @param {boolean} isHidden
 */
export function setHidden(element, isHidden) {
  if (element.hidden !== isHidden) element.hidden = isHidden
}

/**
 * What stands for one item of a list.
 *
 * @template Item
 * @typedef {{ readonly root: HTMLElement, update(item: Item): void }} View
 */

/**
 * A list whose elements are kept: what stays is updated, and moved only when its place changes.
 *
 * @template Item
 * @param {HTMLElement} parent
 * @param {(item: Item) => string} keyOf
 * @param {(item: Item) => View<Item>} make
 * @returns {(items: readonly Item[]) => void}
 */
export function keyedList(parent, keyOf, make) {
  /** @type {Map<string, View<Item>>} */
  const views = new Map()
  return (items) => {
    const keys = new Set(items.map(keyOf))
    for (const [key, view] of views) {
      if (keys.has(key)) continue
      view.root.remove()
      views.delete(key)
    }
    const roots = items.map((item) => {
      const key = keyOf(item)
      const view = views.get(key) ?? make(item)
      views.set(key, view)
      view.update(item)
      return view.root
    })
    putInOrder(parent, roots)
  }
}

/**
 * Puts children in this order, moving few, and leaves the focus where it is.
 *
 * @param {HTMLElement} parent
 * @param {readonly HTMLElement[]} roots
 */
function putInOrder(parent, roots) {
  const focused = document.activeElement
  let place = parent.firstElementChild
  for (const root of roots) {
    if (root === place) {
      place = place.nextElementSibling
    } else if (place !== null && place.nextElementSibling === root) {
      // The one in this place has gone down: it alone is moved, and not all that came after it.
      parent.append(place)
      place = root.nextElementSibling
    } else {
      parent.insertBefore(root, place)
    }
  }
  if (focused instanceof HTMLElement && focused !== document.activeElement && parent.contains(focused)) {
    focused.focus({ preventScroll: true })
  }
}
