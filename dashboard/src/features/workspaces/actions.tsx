import { Link } from '@tanstack/react-router'
import { ArrowUpRight, Copy, Ellipsis, Play, RotateCw, Settings, Square, Trash2 } from 'lucide-react'
import { lazy, Suspense, useState } from 'react'

import { explain } from '@/api/errors'
import type { Workspace } from '@/api/model'
import { type Action, useAction } from '@/api/queries'
import { Button, buttonStyle } from '@/components/ui/button'
import { Menu, MenuItem, MenuSeparator } from '@/components/ui/menu'
import { toast } from '@/components/ui/toast'
import { copyText } from '@/lib/clipboard'
import { cn } from '@/lib/cn'

const DeleteDialog = lazy(() => import('./delete-dialog'))

/** Runs an action; what fails is said in a toast. */
export function useRun() {
  const { mutate, isPending } = useAction()
  const run = (name: string, action: Action) => mutate({ name, action }, { onError: (error) => toast.bad(explain(error)) })
  return { run, isPending }
}

/** What can be done with a workspace in its present state. */
export function can(workspace: Workspace) {
  const { status } = workspace
  return {
    open: status === 'running' || status === 'stopped',
    start: status === 'stopped' || status === 'failed',
    stop: status === 'running' || status === 'starting' || status === 'pending',
    restart: status === 'running' || status === 'failed',
  }
}

/** Opens a workspace in a new tab; a stopped one is started, and its page shows how that goes. */
export function useOpen() {
  const { run } = useRun()
  return (workspace: Workspace) => {
    if (!can(workspace).open) return false
    if (workspace.status === 'stopped') run(workspace.name, 'start')
    window.open(workspace.url, '_blank', 'noopener')
    return true
  }
}

interface OpenButtonProps {
  workspace: Workspace
  size?: 'sm' | 'md'
  /** For places with many of them. */
  quiet?: boolean
  className?: string
}

/** The main button of a workspace: what a click most likely wants in its present state. */
export function OpenButton({ workspace, size = 'sm', quiet = false, className }: OpenButtonProps) {
  const { run } = useRun()
  const { name, status, url } = workspace
  if (status === 'failed') {
    return (
      <Link
        to="/workspaces/$name/log"
        params={{ name }}
        className={cn(buttonStyle({ size }), className)}
        aria-label={`See why ${name} failed`}
      >
        See why
      </Link>
    )
  }
  if (!can(workspace).open) {
    return (
      <Button variant="secondary" size={size} className={className} disabled aria-label={`Open ${name}`}>
        Open
        <ArrowUpRight aria-hidden />
      </Button>
    )
  }
  const stopped = status === 'stopped'
  // In a list, those that run stand out; on its own page it is the main button in any case.
  const look = quiet && !stopped ? 'soft' : stopped && size === 'sm' ? 'secondary' : 'primary'
  return (
    <a
      href={url}
      target="_blank"
      rel="noopener"
      onClick={() => stopped && run(name, 'start')}
      className={cn(buttonStyle({ variant: look, size }), className)}
      aria-label={stopped ? `Start and open ${name} in a new tab` : `Open ${name} in a new tab`}
    >
      {stopped ? 'Start and open' : 'Open'}
      <ArrowUpRight aria-hidden />
    </a>
  )
}

interface ActionsMenuProps {
  workspace: Workspace
  /** Where to go after a deletion. */
  onDeleted?: () => void
}

export function ActionsMenu({ workspace, onDeleted }: ActionsMenuProps) {
  const [deleting, setDeleting] = useState(false)
  const { run } = useRun()
  const { name, url } = workspace
  const possible = can(workspace)

  async function copyLink() {
    if (await copyText(url)) toast.ok(`Copied the link to ${name}.`)
    else toast.bad(`The browser did not allow copying. The link is ${url}`)
  }

  return (
    <>
      <Menu
        trigger={
          <Button variant="ghost" size="icon" aria-label={`More for ${name}`}>
            <Ellipsis aria-hidden />
          </Button>
        }
      >
        {possible.start && (
          <MenuItem icon={Play} onSelect={() => run(name, 'start')}>
            Start
          </MenuItem>
        )}
        {possible.stop && (
          <MenuItem icon={Square} onSelect={() => run(name, 'stop')}>
            Stop
          </MenuItem>
        )}
        <MenuItem icon={RotateCw} disabled={!possible.restart} onSelect={() => run(name, 'restart')}>
          Restart
        </MenuItem>
        <MenuSeparator />
        <MenuItem icon={Copy} onSelect={() => void copyLink()}>
          Copy link
        </MenuItem>
        <MenuItem asChild>
          <Link to="/workspaces/$name/settings" params={{ name }}>
            <Settings aria-hidden />
            Settings
          </Link>
        </MenuItem>
        <MenuSeparator />
        <MenuItem icon={Trash2} danger onSelect={() => setDeleting(true)}>
          Delete…
        </MenuItem>
      </Menu>
      {deleting && (
        <Suspense>
          <DeleteDialog workspace={workspace} onClose={() => setDeleting(false)} {...(onDeleted ? { onDeleted } : {})} />
        </Suspense>
      )}
    </>
  )
}
