import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link, Outlet, useNavigate } from '@tanstack/react-router'
import { ChevronLeft, Play, RotateCw, Square } from 'lucide-react'

import { explain } from '@/api/errors'
import type { Workspace } from '@/api/model'
import { meQuery, useWorkspace, workspacesQuery } from '@/api/queries'
import { StatusBadge } from '@/components/status-badge'
import { Button, buttonStyle } from '@/components/ui/button'
import { CopyButton } from '@/components/ui/code'
import { Notice } from '@/components/ui/notice'
import { Skeleton } from '@/components/ui/skeleton'
import { ActionsMenu, can, OpenButton, useRun } from '@/features/workspaces/actions'
import { sentence } from '@/lib/format'
import { useNow } from '@/lib/now'
import { useTitle } from '@/lib/title'
import { reasonText } from '@/lib/workspace'

const route = getRouteApi('/app/workspaces/$name')

const TABS = [
  { to: '/workspaces/$name', label: 'Overview', exact: true },
  { to: '/workspaces/$name/log', label: 'Log', exact: false },
  { to: '/workspaces/$name/events', label: 'Events', exact: false },
  { to: '/workspaces/$name/ports', label: 'Ports', exact: false },
  { to: '/workspaces/$name/settings', label: 'Settings', exact: false },
] as const

export function WorkspacePage() {
  const { name } = route.useParams()
  useTitle(name)
  const workspace = useWorkspace(name)
  const { error } = useQuery(workspacesQuery)
  if (workspace === null) return <NoSuchWorkspace name={name} />
  return (
    <>
      <Link to="/" className="mb-3 inline-flex items-center gap-1 rounded-sm text-[0.8125rem] text-muted hover:text-ink">
        <ChevronLeft aria-hidden className="size-4" />
        Workspaces
      </Link>
      {workspace ? (
        <Header workspace={workspace} />
      ) : error ? (
        <>
          <h1 className="mb-4 text-xl font-semibold tracking-tight break-all">{name}</h1>
          <Notice tone="bad" role="alert" title="It can't be shown">
            {explain(error)}
          </Notice>
        </>
      ) : (
        <HeaderSkeleton name={name} />
      )}
      <nav aria-label={`Parts of ${name}`} className="-mx-4 mt-5 mb-5 overflow-x-auto border-b border-line px-4 sm:mx-0 sm:px-0">
        <ul className="flex sm:gap-1">
          {TABS.map(({ to, label, exact }) => (
            <li key={to}>
              <Link
                to={to}
                params={{ name }}
                activeOptions={{ exact }}
                replace
                className="-mb-px block border-b-2 border-transparent px-2 pt-1 sm:px-2.5 pb-2.5 font-medium whitespace-nowrap text-muted hover:text-ink data-[status=active]:border-accent-ink data-[status=active]:text-ink"
              >
                {label}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      {workspace && <Outlet />}
    </>
  )
}

function Header({ workspace }: { workspace: Workspace }) {
  const now = useNow()
  const navigate = useNavigate()
  const { data: me } = useQuery(meQuery)
  const { run, isPending } = useRun()
  const { name, owner, status, url } = workspace
  const possible = can(workspace)
  const address = url.replace(/^https?:\/\//, '').replace(/\/$/, '')
  return (
    <header className="flex flex-wrap items-start justify-between gap-x-6 gap-y-4">
      <div className="min-w-0">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5">
          <h1 className="min-w-0 text-xl font-semibold tracking-tight break-all">{name}</h1>
          <StatusBadge status={status} />
          {me && owner !== me.user.id && <span className="text-muted">of {owner}</span>}
        </div>
        <p className="mt-1.5 min-h-5">{sentence(reasonText(workspace, now))}</p>
        <p className="mt-0.5 flex items-center gap-1 text-[0.8125rem] text-muted">
          <span className="truncate">{address}</span>
          <CopyButton text={url} label="Copy the address" className="-my-1.5" />
        </p>
      </div>
      <div className="flex flex-wrap items-center gap-2">
        {possible.start && (
          <Button variant={status === 'failed' ? 'primary' : 'secondary'} busy={isPending} onClick={() => run(name, 'start')}>
            <Play aria-hidden />
            Start
          </Button>
        )}
        {possible.stop && (
          <Button busy={isPending} onClick={() => run(name, 'stop')}>
            <Square aria-hidden />
            Stop
          </Button>
        )}
        {possible.restart && status === 'running' && (
          <Button busy={isPending} onClick={() => run(name, 'restart')} className="max-sm:hidden">
            <RotateCw aria-hidden />
            Restart
          </Button>
        )}
        {status !== 'failed' && <OpenButton workspace={workspace} size="md" />}
        <ActionsMenu workspace={workspace} onDeleted={() => void navigate({ to: '/' })} />
      </div>
    </header>
  )
}

function HeaderSkeleton({ name }: { name: string }) {
  return (
    <div aria-busy="true" className="flex flex-wrap items-start justify-between gap-4">
      <div>
        <h1 className="text-xl font-semibold tracking-tight break-all">{name}</h1>
        <Skeleton className="mt-2 h-5 w-64" />
        <Skeleton className="mt-1.5 h-4 w-48" />
      </div>
      <Skeleton className="h-9 w-48" />
    </div>
  )
}

function NoSuchWorkspace({ name }: { name: string }) {
  return (
    <div className="py-16 text-center">
      <h1 className="text-xl font-semibold tracking-tight">No workspace {name}</h1>
      <p className="mt-2 text-muted">It was deleted, belongs to somebody else, or never was.</p>
      <Link to="/" className={buttonStyle({ variant: 'primary', className: 'mt-5' })}>
        Show all workspaces
      </Link>
    </div>
  )
}

/** The workspace that the page is about; its parts are shown only when there is one. */
export function useShownWorkspace(): Workspace {
  const { name } = route.useParams()
  const workspace = useWorkspace(name)
  if (!workspace) throw new Error('A part of the workspace page was shown without a workspace')
  return workspace
}
