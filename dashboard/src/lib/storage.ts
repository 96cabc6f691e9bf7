/** A stored preference; null without one, or where storage is blocked. */
export function readPreference(key: string): string | null {
  try {
    return localStorage.getItem(`vibecode.${key}`)
  } catch {
    return null
  }
}

export function writePreference(key: string, value: string): void {
  try {
    localStorage.setItem(`vibecode.${key}`, value)
  } catch {
    // Storage is blocked: the choice holds until the page is closed.
  }
}
