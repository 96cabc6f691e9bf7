const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** Bytes in the unit that leaves at most three digits before the point. */
export function bytes(value: number): string {
  let amount = value
  let unit = 0
  while (amount >= 1000 && unit < UNITS.length - 1) {
    amount /= 1024
    unit += 1
  }
  const digits = unit === 0 || amount >= 10 ? 0 : 1
  return `${amount.toFixed(digits)} ${UNITS[unit] ?? ''}`
}

/** Cores of CPU, two digits after the point up to ten cores. */
export function cores(value: number): string {
  return value >= 10 ? value.toFixed(0) : value.toFixed(2)
}

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** A length of time in its two largest units: `45 s`, `12 min`, `3 h 5 min`, `2 days`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < MINUTE) return `${whole} s`
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} min`
  if (whole < DAY) {
    const minutes = Math.floor((whole % HOUR) / MINUTE)
    return minutes ? `${Math.floor(whole / HOUR)} h ${minutes} min` : `${Math.floor(whole / HOUR)} h`
  }
  const days = Math.floor(whole / DAY)
  return days === 1 ? '1 day' : `${days} days`
}

/** How long ago `iso` was, or the date when that says more. */
export function ago(iso: string, now: number): string {
  const seconds = (now - Date.parse(iso)) / 1000
  if (seconds < MINUTE) return 'just now'
  // The larger unit is enough here: "3 h ago".
  if (seconds < DAY) return `${duration(seconds < HOUR ? seconds : Math.floor(seconds / HOUR) * HOUR)} ago`
  if (seconds < 7 * DAY) return `${duration(seconds)} ago`
  const date = new Date(iso)
  const thisYear = date.getFullYear() === new Date(now).getFullYear()
  return date.toLocaleDateString(undefined, { day: 'numeric', month: 'short', ...(thisYear ? {} : { year: 'numeric' }) })
}

/** The time until `iso` in words: `in 12 min`, `now`. */
export function until(iso: string, now: number): string {
  const seconds = (Date.parse(iso) - now) / 1000
  if (seconds < 1) return 'now'
  // Rounded up: a promise of time must not be too long by a minute, nor read "0 min".
  return seconds < MINUTE ? `in ${Math.ceil(seconds)} s` : `in ${duration(Math.ceil(seconds / MINUTE) * MINUTE)}`
}

export function dateTime(iso: string): string {
  return new Date(iso).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
}

export function timeOfDay(iso: string): string {
  return new Date(iso).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false })
}

/** A short name of the browser in a User-Agent header, such as `Firefox on Linux`. */
export function browserName(userAgent: string): string {
  if (!userAgent) return 'Unknown browser'
  const browser = [
    ['Edg/', 'Edge'],
    ['OPR/', 'Opera'],
    ['Firefox/', 'Firefox'],
    ['Chrome/', 'Chrome'],
    ['Safari/', 'Safari'],
  ].find(([mark]) => mark && userAgent.includes(mark))?.[1]
  const system = [
    ['Android', 'Android'],
    ['iPhone', 'iPhone'],
    ['iPad', 'iPad'],
    ['Windows', 'Windows'],
    ['Mac OS', 'macOS'],
    ['Linux', 'Linux'],
  ].find(([mark]) => mark && userAgent.includes(mark))?.[1]
  if (!browser) return userAgent.split(' ')[0] ?? 'Unknown browser'
  return system ? `${browser} on ${system}` : browser
}

/** With a capital first letter, where that is a word's: what begins with an address or a path stays as it is. */
export function sentence(text: string): string {
  return /^\p{Ll}[\p{L}\p{N}'’-]*(?=[,:;.!?…]?(?:\s|$))/u.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text
}

const ANSI = new RegExp(String.raw`\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])`, 'g')

/** A log line as a screen would show it: without colour codes, and of an overwritten line the last version. */
export function plainLine(text: string): string {
  const clean = text.replaceAll(ANSI, '').replace(/[\r\n]+$/, '')
  return clean.slice(clean.lastIndexOf('\r') + 1)
}
