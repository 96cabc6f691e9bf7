import { useQuery } from '@tanstack/react-query'
import { AppWindow, KeyRound, LogOut, type LucideIcon, Monitor } from 'lucide-react'
import type { ReactNode } from 'react'

import { explain } from '@/api/errors'
import type { Me, Session } from '@/api/model'
import { meQuery, sessionsQuery, useRevokeSession } from '@/api/queries'
import { RelativeTime } from '@/components/relative-time'
import { useSignOutAndLeave } from '@/components/sign-out'
import { Button } from '@/components/ui/button'
import { Panel } from '@/components/ui/card'
import { Command } from '@/components/ui/code'
import { Notice } from '@/components/ui/notice'
import { Skeleton } from '@/components/ui/skeleton'
import { toast } from '@/components/ui/toast'
import { browserName, dateTime, until } from '@/lib/format'
import { useNow } from '@/lib/now'
import { useTitle } from '@/lib/title'

export function AccountPage() {
  useTitle('Account')
  const { data: me } = useQuery(meQuery)
  return (
    <div className="mx-auto max-w-3xl space-y-4">
      <h1 className="mb-5 text-xl font-semibold tracking-tight">Account</h1>
      {me && <Profile me={me} />}
      <Sessions />
      <Panel
        title="Sign in elsewhere"
        description="On the machine that runs the server, this prints a link for another browser. It works once, for ten minutes."
      >
        <Command>vibecode login-link</Command>
      </Panel>
    </div>
  )
}

function Profile({ me }: { me: Me }) {
  const { leave, busy } = useSignOutAndLeave()
  const { user, version, runtime } = me
  return (
    <Panel
      title={user.name || user.id}
      description={[user.id === user.name ? null : user.id, user.email].filter(Boolean).join(' · ')}
      action={
        <Button size="sm" busy={busy} onClick={leave}>
          <LogOut aria-hidden />
          Sign out
        </Button>
      }
    >
      <dl className="grid grid-cols-2 gap-4 sm:grid-cols-4">
        <Fact label="Role">{user.role === 'admin' ? 'Administrator' : 'Member'}</Fact>
        <Fact label="Member since">{new Date(user.createdAt).toLocaleDateString(undefined, { dateStyle: 'medium' })}</Fact>
        <Fact label="Runtime">{runtime}</Fact>
        <Fact label="Version">{version}</Fact>
      </dl>
    </Panel>
  )
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div>
      <dt className="text-[0.8125rem] text-muted">{label}</dt>
      <dd className="mt-0.5">{children}</dd>
    </div>
  )
}

function Sessions() {
  const { data, error } = useQuery(sessionsQuery)
  return (
    <Panel title="Sessions" description="Where you are signed in: the dashboard, addresses of workspaces, tokens. End those that you do not know.">
      {data ? (
        <ul className="-mb-2 divide-y divide-line">
          {/* This browser first. */}
          {[...data]
            .sort((a, b) => Number(b.current) - Number(a.current))
            .map((session) => (
              <SessionRow key={session.id} session={session} />
            ))}
        </ul>
      ) : error ? (
        <Notice tone="bad" role="alert">
          {explain(error)}
        </Notice>
      ) : (
        <Skeleton className="h-28" />
      )}
    </Panel>
  )
}

const ICONS: Record<Session['kind'], LucideIcon> = { browser: Monitor, origin: AppWindow, token: KeyRound }

/** Milliseconds; what ends later is as good as lasting. */
const YEAR = 365 * 24 * 3600 * 1000

function SessionRow({ session }: { session: Session }) {
  const now = useNow()
  const revoke = useRevokeSession()
  const { id, kind, current, userAgent, origin, lastSeenAt, createdAt, expiresAt } = session
  const place = origin.replace(/^https?:\/\//, '')
  const title = kind === 'token' ? 'Token' : browserName(userAgent)
  const Icon = ICONS[kind]

  function end() {
    revoke.mutate(id, {
      onSuccess: () => toast.ok('The session is ended.'),
      onError: (error) => toast.bad(explain(error)),
    })
  }

  return (
    <li className="flex items-center gap-3 py-3">
      <Icon aria-hidden className="size-5 shrink-0 text-muted" />
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-center gap-x-2 font-medium">
          {title}
          {current && <span className="rounded-full bg-ok-soft px-2 py-0.5 text-xs text-ok">this browser</span>}
        </p>
        <p className="text-[0.8125rem] break-words text-muted" title={`Since ${dateTime(createdAt)}`}>
          {place && `${place} · `}seen <RelativeTime at={lastSeenAt} />
          {Date.parse(expiresAt) - now < YEAR && ` · ends ${until(expiresAt, now)}`}
        </p>
      </div>
      {!current && (
        <Button size="sm" busy={revoke.isPending} onClick={end} aria-label={`End the session ${[title, place].filter(Boolean).join(', ')}`}>
          End
        </Button>
      )}
    </li>
  )
}
