import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'

import { explain } from '@/api/errors'
import type { Workspace } from '@/api/model'
import { useAction } from '@/api/queries'
import { RelativeTime } from '@/components/relative-time'
import { Button } from '@/components/ui/button'
import { Card, Panel } from '@/components/ui/card'
import { Notice } from '@/components/ui/notice'
import { toast } from '@/components/ui/toast'
import { useRun } from '@/features/workspaces/actions'
import { NoValue } from '@/features/workspaces/card'
import { bytes, cores, dateTime, duration, sentence, until } from '@/lib/format'
import { useNow } from '@/lib/now'
import { reasonText, sourceText } from '@/lib/workspace'

import { LogView } from './log'
import { useShownWorkspace } from './page'

export function Overview() {
  const workspace = useShownWorkspace()
  const { name, status } = workspace
  return (
    <div className="space-y-4">
      {workspace.updateWaits && status === 'running' && <UpdateNotice workspace={workspace} />}
      {status === 'failed' && (
        <Notice
          tone="bad"
          title={`${name} failed`}
          action={
            <Link to="/workspaces/$name/log" params={{ name }} className="rounded-sm font-medium text-bad underline underline-offset-2">
              Read the log
            </Link>
          }
        >
          Its log says what happened. Starting it again clears the failure.
        </Notice>
      )}
      <Usage workspace={workspace} />
      {(status === 'pending' || status === 'starting') && <LogView workspace={workspace} compact />}
      <div className="grid gap-4 md:grid-cols-2">
        <WhyPanel workspace={workspace} />
        <AboutPanel workspace={workspace} />
      </div>
    </div>
  )
}

function UpdateNotice({ workspace }: { workspace: Workspace }) {
  const { run, isPending } = useRun()
  return (
    <Notice
      title="A newer editor is ready"
      action={
        <Button size="sm" busy={isPending} onClick={() => run(workspace.name, 'restart')}>
          Restart now
        </Button>
      }
    >
      It runs {workspace.editorVersion} until it restarts. A restart ends its terminals and keeps its files.
    </Notice>
  )
}

function Usage({ workspace }: { workspace: Workspace }) {
  const now = useNow()
  const { status, resources, startedAt } = workspace
  const running = status === 'running'
  // The first sample comes a moment after the start.
  const alive = running && resources.memory > 0
  return (
    <Card aria-label="Usage" className="grid grid-cols-2 gap-px overflow-hidden bg-line md:grid-cols-4">
      <Figure label="CPU" value={alive ? cores(resources.cpu) : null} unit="cores" />
      <Figure label="Memory" {...amount(alive ? resources.memory : null)} />
      <Figure label="Storage" {...amount(resources.storage)} />
      <Figure label="Up for" value={running && startedAt !== null ? duration((now - Date.parse(startedAt)) / 1000) : null} />
    </Card>
  )
}

function amount(value: number | null): { value: string | null; unit?: string } {
  if (value === null) return { value: null }
  const [number, unit = ''] = bytes(value).split(' ')
  return { value: number ?? null, unit }
}

function Figure({ label, value, unit }: { label: string; value: string | null; unit?: string }) {
  return (
    <dl className="bg-surface px-5 py-3.5">
      <dt className="text-[0.8125rem] text-muted">{label}</dt>
      <dd className="mt-0.5 h-7 truncate text-lg font-semibold tabular-nums">
        {value ?? <NoValue />}
        {value !== null && unit && <span className="ml-1 text-[0.8125rem] font-normal text-muted">{unit}</span>}
      </dd>
    </dl>
  )
}

const WHY_TITLE: Record<Workspace['status'], string> = {
  running: 'Why it is running',
  starting: 'What happens now',
  pending: 'What happens now',
  stopping: 'What happens now',
  stopped: 'Why it is stopped',
  failed: 'Why it failed',
}

function WhyPanel({ workspace }: { workspace: Workspace }) {
  const now = useNow()
  const keep = useAction()
  const { name, status, idleTimeout, stopsAt, lastActive } = workspace
  const running = status === 'running'

  function keepRunning() {
    keep.mutate(
      { name, action: 'keep-running' },
      {
        onSuccess: () => toast.ok(`${name} keeps running: its idle time begins again.`),
        onError: (error) => toast.bad(explain(error)),
      },
    )
  }

  return (
    <Panel
      title={WHY_TITLE[status]}
      action={
        running && stopsAt !== null ? (
          <Button size="sm" busy={keep.isPending} onClick={keepRunning}>
            Keep running
          </Button>
        ) : undefined
      }
    >
      <Facts>
        <FactRow label={running ? 'Now' : 'Reason'}>
          <span className="block">{sentence(reasonText(workspace, now))}</span>
        </FactRow>
        <FactRow label="Last active">{lastActive === null ? 'not yet' : <RelativeTime at={lastActive} />}</FactRow>
        <FactRow label="Idle stop">
          {idleTimeout === null ? 'off: it runs until somebody stops it' : `after ${duration(idleTimeout)} without use`}{' '}
          <Link to="/workspaces/$name/settings" params={{ name }} replace className="rounded-sm text-accent-ink underline underline-offset-2">
            Change
          </Link>
        </FactRow>
        {running && stopsAt !== null && (
          <FactRow label="Stops">
            <span className="tabular-nums">{until(stopsAt, now)}</span>, unless it is used
          </FactRow>
        )}
      </Facts>
    </Panel>
  )
}

function AboutPanel({ workspace }: { workspace: Workspace }) {
  const { owner, source, editorVersion, createdAt, startedAt } = workspace
  const parameters = source?.type === 'template' ? Object.entries(source.parameters ?? {}) : []
  return (
    <Panel title="About">
      <Facts>
        <FactRow label="Owner">{owner}</FactRow>
        <FactRow label="Made from">
          <span className="break-all">{sourceText(source)}</span>
          {parameters.map(([key, value]) => (
            <span key={key} className="block text-muted">
              {key}: {value}
            </span>
          ))}
        </FactRow>
        <FactRow label="Created">{dateTime(createdAt)}</FactRow>
        {startedAt !== null && <FactRow label="Started">{dateTime(startedAt)}</FactRow>}
        <FactRow label="Editor">{editorVersion === null ? 'the newest installed, at its next start' : `code-server ${editorVersion}`}</FactRow>
      </Facts>
    </Panel>
  )
}

function Facts({ children }: { children: ReactNode }) {
  return <dl className="grid grid-cols-[6.5rem_minmax(0,1fr)] gap-x-4 gap-y-2.5">{children}</dl>
}

function FactRow({ label, children }: { label: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{label}</dt>
      <dd>{children}</dd>
    </>
  )
}
