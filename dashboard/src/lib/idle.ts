/** Limits of the idle stop in minutes, as in src/vibecode/services/workspaces.py. */
export const MIN_IDLE_MINUTES = 1
export const MAX_IDLE_MINUTES = 30 * 24 * 60

/** The offered times in minutes. */
export const IDLE_CHOICES = [15, 30, 60, 120] as const

/** What is chosen in a form: `custom` takes its minutes from a text. */
export interface IdleInput {
  choice: string
  minutes: string
}

export function idleInput(seconds: number | null): IdleInput {
  if (seconds === null) return { choice: 'never', minutes: '' }
  const minutes = seconds / 60
  return IDLE_CHOICES.some((each) => each === minutes)
    ? { choice: String(minutes), minutes: '' }
    : { choice: 'custom', minutes: String(Math.round(minutes)) }
}

/** What is wrong with the custom minutes; null when nothing is. */
export function idleProblem({ choice, minutes }: IdleInput): string | null {
  if (choice !== 'custom') return null
  const value = Number(minutes)
  if (minutes.trim() === '' || !Number.isInteger(value) || value < MIN_IDLE_MINUTES || value > MAX_IDLE_MINUTES) {
    return `Give whole minutes from ${MIN_IDLE_MINUTES} to ${MAX_IDLE_MINUTES} (30 days).`
  }
  return null
}

/** Seconds, null for never. Only for an input without a problem. */
export function idleSeconds({ choice, minutes }: IdleInput): number | null {
  if (choice === 'never') return null
  return Number(choice === 'custom' ? minutes : choice) * 60
}
