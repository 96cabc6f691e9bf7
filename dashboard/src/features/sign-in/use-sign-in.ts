import { useEffect, useRef, useState } from 'react'

/** Runs once, though effects run twice while developing: the token works only once. */
export function useSignIn(run: () => Promise<void>) {
  const started = useRef(false)
  const [error, setError] = useState<unknown>(null)

  function attempt() {
    setError(null)
    run().catch((failure: unknown) => setError(failure))
  }

  useEffect(() => {
    if (started.current) return
    started.current = true
    attempt()
  })

  return { error, retry: attempt }
}
