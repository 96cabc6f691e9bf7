import { useQueryClient } from '@tanstack/react-query'
import { CloudOff, LoaderCircle } from 'lucide-react'
import { useEffect, useState } from 'react'

import { connectionStore } from '@/lib/connection'
import { useStore } from '@/lib/store'

import { Button } from './ui/button'
import { Notice } from './ui/notice'

/** Shorter breaks are nobody's concern. */
const PATIENCE = 1500

/** Says quietly that what is shown may be old. */
export function LiveState() {
  const { live, reachable } = useStore(connectionStore)
  const lost = live === 'reconnecting' && reachable
  const [shown, setShown] = useState(false)
  if (!lost && shown) setShown(false)
  useEffect(() => {
    if (!lost) return
    const timer = window.setTimeout(() => setShown(true), PATIENCE)
    return () => window.clearTimeout(timer)
  }, [lost])
  return (
    <span role="status" className="text-[0.8125rem] text-muted">
      {shown && (
        <span className="flex animate-fade items-center gap-1.5">
          <LoaderCircle aria-hidden className="size-4 motion-safe:animate-spin" />
          <span className="max-sm:sr-only">Reconnecting…</span>
        </span>
      )}
    </span>
  )
}

export function useRetry() {
  const client = useQueryClient()
  return () => {
    window.dispatchEvent(new Event('vibecode:retry'))
    void client.refetchQueries({ type: 'active' })
  }
}

export function UnreachableBanner() {
  const { reachable } = useStore(connectionStore)
  const retry = useRetry()
  if (reachable) return null
  return (
    <Notice
      tone="warn"
      role="alert"
      title="The server does not answer"
      className="mb-5"
      action={
        <Button size="sm" onClick={retry}>
          Try again
        </Button>
      }
    >
      What you see may be old. Running workspaces go on, and this page tries again by itself. On the server, vibecode
      status says more.
    </Notice>
  )
}

/** In place of the dashboard, when the server can't be reached from the start. */
export function UnreachablePage({ busy }: { busy: boolean }) {
  const retry = useRetry()
  return (
    <main className="grid min-h-dvh place-items-center px-4 py-12">
      <div role="alert" className="max-w-md text-center">
        <CloudOff aria-hidden className="mx-auto size-9 text-muted" />
        <h1 className="mt-4 text-xl font-semibold tracking-tight">The server does not answer</h1>
        <p className="mt-2 text-muted">
          Check your network. If the server is yours, vibecode status says whether it runs, and vibecode up starts it.
          Running workspaces go on without it.
        </p>
        <Button variant="primary" className="mt-5" busy={busy} onClick={retry}>
          Try again
        </Button>
      </div>
    </main>
  )
}
