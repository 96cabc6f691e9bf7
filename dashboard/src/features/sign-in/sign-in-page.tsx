import { useState } from 'react'

import { explain, isStatus } from '@/api/errors'
import { signIn } from '@/api/queries'
import { Logo } from '@/components/logo'
import { Button } from '@/components/ui/button'
import { Command } from '@/components/ui/code'
import { Notice } from '@/components/ui/notice'
import { safeNext } from '@/lib/address'
import { useTitle } from '@/lib/title'

import { takeToken } from './token'
import { useSignIn } from './use-sign-in'

/** Where a one-time link leads; without one, it says how to get one. */
export function SignInPage() {
  const [token] = useState(takeToken)
  const query = new URLSearchParams(location.search)
  return token ? <SigningIn token={token} next={query.get('next')} /> : <SignInHelp signedOut={query.has('out')} />
}

function SigningIn({ token, next }: { token: string; next: string | null }) {
  useTitle('Sign in')
  const { error, replaces, agree, retry } = useSignIn(async () => {
    const answer = await signIn(token)
    // The page that sent somebody here knows best where they want to go.
    location.replace(safeNext(next ?? answer.next))
  })
  if (replaces !== null) {
    return (
      <Frame title="Sign in anew?">
        <p>
          This link signs you in, and ends your present sign-in as <strong>{replaces}</strong>. Continue only if you asked
          for it, or know who sent it.
        </p>
        <div className="mt-5 grid grid-cols-2 gap-3">
          <Button onClick={() => location.replace(safeNext(next))}>Cancel</Button>
          <Button variant="primary" onClick={agree}>
            Continue
          </Button>
        </div>
      </Frame>
    )
  }
  if (!error) {
    return (
      <Frame title="Signing you in…">
        <p role="status" className="text-center text-muted">
          One moment.
        </p>
      </Frame>
    )
  }
  if (isStatus(error, 410) || isStatus(error, 401) || isStatus(error, 404) || isStatus(error, 422)) {
    return (
      <Frame title="This link no longer works">
        <Notice tone="warn" role="alert">
          {explain(error)}
        </Notice>
        <p className="mt-4 mb-2 text-[0.8125rem] text-muted">Get a new one on the machine that runs the server:</p>
        <Command>vibecode login-link</Command>
      </Frame>
    )
  }
  return (
    <Frame title="Signing in did not work">
      <Notice tone="bad" role="alert">
        {explain(error)}
      </Notice>
      <Button className="mt-4 w-full" variant="primary" onClick={retry}>
        Try again
      </Button>
    </Frame>
  )
}

/** What a signed-out person sees in place of the dashboard. */
export function SignInHelp({ signedOut = false }: { signedOut?: boolean }) {
  useTitle('Sign in')
  return (
    <Frame title={signedOut ? 'You are signed out' : 'Sign in'}>
      <p className="mb-3 text-muted">
        There is no password. On the machine that runs the server, this prints a link that signs you in:
      </p>
      <Command>vibecode login-link</Command>
      <p className="mt-3 text-[0.8125rem] text-muted">
        It works once, for ten minutes. If the server is not yours, ask its administrator for a link.
      </p>
    </Frame>
  )
}

function Frame({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <main className="grid min-h-dvh place-items-center px-4 py-12">
      <div className="w-full max-w-sm">
        <Logo className="mx-auto size-11" />
        <h1 className="mt-5 mb-6 text-center text-xl font-semibold tracking-tight">{title}</h1>
        {children}
      </div>
    </main>
  )
}
