import { useSyncExternalStore } from 'react'

// One clock for all relative times on the page, so that they change together and cost one timer.
let now = Date.now()
let timer: number | undefined
const listeners = new Set<() => void>()

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= window.setInterval(() => {
    now = Date.now()
    for (const each of listeners) each()
  }, 5000)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) {
      window.clearInterval(timer)
      timer = undefined
    }
  }
}

function read(): number {
  // Without a running clock the stored time may be old.
  if (timer === undefined && Math.abs(Date.now() - now) > 1000) now = Date.now()
  return now
}

/** The present time in milliseconds, renewed every five seconds. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, read)
}
