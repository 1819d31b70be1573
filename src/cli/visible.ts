/**
 * What a terminal obeys instead of showing it, and what turns the direction of writing: names in a model may hold
 * either.
 */
const obeyed = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

function code(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** Text for a terminal: control characters other than line ends and tabs are written out. */
export function visible(text: string): string {
  return text.replace(obeyed, code)
}

/** JSON means the same with these written out. */
export function escapedJson(json: string): string {
  return json.replace(obeyed, code)
}
