import { useEffect, useRef, useState } from 'react'

import { presentUser } from '@/api/queries'

/**
 * Signs in, once (effects run twice while developing, and the token works only once); but asks first where that ends
 * the sign-in of somebody: anybody can send a link, and what is then done would be done as its owner.
 */
export function useSignIn(run: () => Promise<void>) {
  const started = useRef(false)
  const [error, setError] = useState<unknown>(null)
  const [replaces, setReplaces] = useState<string | null>(null)
  const [agreed, setAgreed] = useState(false)

  function attempt(mayReplace = agreed) {
    setError(null)
    setReplaces(null)
    begin(mayReplace).catch((failure: unknown) => setError(failure))
  }

  async function begin(mayReplace: boolean) {
    const present = mayReplace ? null : await presentUser()
    if (present === null) await run()
    else setReplaces(present)
  }

  function agree() {
    setAgreed(true)
    attempt(true)
  }

  useEffect(() => {
    if (started.current) return
    started.current = true
    attempt()
  })

  return { error, replaces, agree, retry: () => attempt() }
}
