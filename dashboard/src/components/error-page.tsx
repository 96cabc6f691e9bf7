import { Link } from '@tanstack/react-router'

import { useTitle } from '@/lib/title'

import { Logo } from './logo'
import { Button, buttonStyle } from './ui/button'

/** In place of a page that threw. */
export function ErrorPage({ error, reset }: { error: unknown; reset?: () => void }) {
  useTitle('Something went wrong')
  return (
    <div role="alert" className="mx-auto max-w-lg px-4 py-20 text-center">
      <h1 className="text-xl font-semibold tracking-tight">This page stopped working</h1>
      <p className="mt-2 text-muted">
        Your workspaces are not affected. Load the page again; if that does not help, tell your administrator what it says
        below.
      </p>
      <pre className="mt-5 overflow-x-auto rounded-lg border border-line bg-term p-3 text-left font-mono text-xs whitespace-pre-wrap">
        {error instanceof Error ? error.message : String(error)}
      </pre>
      <div className="mt-5 flex justify-center gap-2">
        {reset && <Button onClick={reset}>Try again</Button>}
        <Button variant="primary" onClick={() => location.reload()}>
          Load again
        </Button>
      </div>
    </div>
  )
}

export function NotFoundPage() {
  useTitle('Not found')
  return (
    <main className="px-4 py-20 text-center">
      <Logo className="mx-auto size-11" />
      <h1 className="mt-5 text-xl font-semibold tracking-tight">There is no such page</h1>
      <p className="mt-2 text-muted">The address may be mistyped, or the page has moved.</p>
      <Link to="/" className={buttonStyle({ variant: 'primary', className: 'mt-5' })}>
        Show my workspaces
      </Link>
    </main>
  )
}
