/**
 * The naming rules of src/vibecode/domain/names.py, so that a form can say at once what the server would say.
 * The server decides: names.test.ts compares the two word for word on the reserved names.
 */

export const MAX_LENGTH = 40

export const RESERVED: ReadonlySet<string> = new Set(
  (
    'admin api app assets auth authorize cdn dashboard docs edge gateway grafana health healthz help internal ' +
    'kubernetes localhost login logout mail metrics prometheus proxy registry root-ca sign-in signin sso static ' +
    'status support system vibecode wildcard workspace workspaces www'
  ).split(' '),
)

const LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/

/** One sentence that says which rule a name breaks and how to mend it; null for a valid name. */
export function nameProblem(value: string, kind: 'workspace' | 'user' = 'workspace'): string | null {
  const subject = `A ${kind} name`
  if (!value) return `${subject} can't be empty: use letters, digits and hyphens, such as my-project.`
  const characters = Array.from(value)
  if (characters.length > MAX_LENGTH) {
    return `${subject} has at most ${MAX_LENGTH} characters, and this one has ${characters.length}: shorten it.`
  }
  const foreign = characters.find((character) => (character.codePointAt(0) ?? 0) > 127)
  if (foreign !== undefined) {
    return `${subject} uses only a-z, 0-9 and hyphens; '${foreign}' looks like a letter of theirs or is from another alphabet: replace it.`
  }
  if (value !== value.toLowerCase()) return `${subject} is in lower case: try ${suggestName(value)}.`
  if (value.includes('--')) {
    return `${subject} can't contain two hyphens in a row, because they separate a port from a name in addresses: try ${suggestName(value)}.`
  }
  if (!LABEL.test(value)) {
    return `${subject} uses only a-z, 0-9 and hyphens, and starts and ends with a letter or digit: try ${suggestName(value)}.`
  }
  if (RESERVED.has(value)) return `The name ${value} is reserved for the product itself: choose another.`
  return null
}

/** A valid name near `value`; it may still be taken. */
export function suggestName(value: string): string {
  const name = trimHyphens(
    value
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .slice(0, MAX_LENGTH),
  )
  if (!name) return 'workspace-1'
  if (RESERVED.has(name)) return `${name.slice(0, MAX_LENGTH - 3)}-ws`
  return name
}

/** `base`, or `base-2`, `base-3`, … whichever isn't in `taken` yet. */
export function freeName(base: string, taken: ReadonlySet<string>): string {
  if (!taken.has(base)) return base
  for (let number = 2; ; number += 1) {
    const ending = `-${number}`
    const name = trimHyphens(base.slice(0, MAX_LENGTH - ending.length)) + ending
    if (!taken.has(name)) return name
  }
}

/** A name from the last part of a Git URL; null when there is none in it. */
export function nameFromGitUrl(url: string): string | null {
  const last = url
    .trim()
    .replace(/[?#].*$/, '')
    .replace(/\/+$/, '')
    .replace(/\.git$/, '')
    .split(/[/:]/)
    .pop()
  return last && /[a-z0-9]/i.test(last) ? suggestName(last) : null
}

function trimHyphens(value: string): string {
  return value.replaceAll(/^-+|-+$/g, '')
}
