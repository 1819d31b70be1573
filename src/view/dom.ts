// Elements made in one expression: what the pages of site/ and the profile page are built of.
type Attribute = string | number | boolean | null | undefined | ((event: never) => void)

/**
 * Attributes by name; functions are listeners by the name of their event (`click`), `false`, null and undefined leave
 * one out.
 */
export type Attributes = Readonly<Record<string, Attribute>>

/** What an element may hold: nothing is left out, everything else is text. */
export type Child = Node | string | number | false | null | undefined

function filled<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value as EventListener)
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, value === true ? '' : String(value))
  }
  element.append(
    ...children.filter((child): child is Node | string | number => child !== false && child != null).map(nodeOf),
  )
  return element
}

function nodeOf(child: Node | string | number): Node | string {
  return typeof child === 'number' ? String(child) : child
}

/** An HTML element with attributes, listeners and children. Text is text: nothing is parsed as HTML. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), attributes, children)
}

/** An SVG element, likewise. */
export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children)
}

/** The same colour for the same operator everywhere: a hue in degrees. */
export function hueOf(name: string): number {
  let hash = 0
  for (const char of name) hash = (Math.imul(hash, 31) + char.charCodeAt(0)) >>> 0
  // The golden angle spreads names that are nearly alike.
  return Math.round((hash * 137.508) % 360)
}
