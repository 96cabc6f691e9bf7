import { createStore } from './store'

/** How the page stands with the server. */
export interface ConnectionState {
  /** Whether the last request got an answer. */
  reachable: boolean
  /** Whether the server said that there is no valid session. */
  signedIn: boolean
  /** The stream of changes. */
  live: 'connecting' | 'open' | 'reconnecting'
}

export const connectionStore = createStore<ConnectionState>({ reachable: true, signedIn: true, live: 'connecting' })

function change(changes: Partial<ConnectionState>): void {
  const before = connectionStore.get()
  const keys = Object.keys(changes) as (keyof ConnectionState)[]
  if (keys.some((key) => before[key] !== changes[key])) connectionStore.set({ ...before, ...changes })
}

export const connection = {
  answered: () => change({ reachable: true }),
  lost: () => change({ reachable: false }),
  signedOut: () => change({ signedIn: false }),
  live: (live: ConnectionState['live']) => change({ live }),
}
