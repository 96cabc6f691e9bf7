import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type SubmitEvent, lazy, Suspense, useState } from 'react'

import { explain, isStatus } from '@/api/errors'
import type { Workspace } from '@/api/model'
import { reloadWorkspace, useUpdateWorkspace } from '@/api/queries'
import { Button } from '@/components/ui/button'
import { Panel } from '@/components/ui/card'
import { Notice } from '@/components/ui/notice'
import { toast } from '@/components/ui/toast'
import { IdleField } from '@/features/create/idle-field'
import { idleInput, idleProblem, idleSeconds } from '@/lib/idle'

import { useShownWorkspace } from './page'

const DeleteDialog = lazy(() => import('@/features/workspaces/delete-dialog'))

export function SettingsTab() {
  const workspace = useShownWorkspace()
  const navigate = useNavigate()
  const [deleting, setDeleting] = useState(false)
  return (
    <div className="grid max-w-2xl gap-4">
      <IdlePanel key={workspace.id} workspace={workspace} />
      <Panel
        title="Delete this workspace"
        description="You choose whether its files are kept. You will be asked to type its name."
        action={
          <Button variant="quietDanger" size="sm" onClick={() => setDeleting(true)}>
            Delete…
          </Button>
        }
      />
      {deleting && (
        <Suspense>
          <DeleteDialog
            workspace={workspace}
            onClose={() => setDeleting(false)}
            onDeleted={() => void navigate({ to: '/' })}
          />
        </Suspense>
      )}
    </div>
  )
}

export function IdlePanel({ workspace }: { workspace: Workspace }) {
  const client = useQueryClient()
  const update = useUpdateWorkspace(workspace.name)
  // What the form was filled from. It is not renewed by live updates: the server must notice a change in between.
  const [base, setBase] = useState(workspace)
  const [input, setInput] = useState(() => idleInput(workspace.idleTimeout))
  const [reloading, setReloading] = useState(false)
  const problem = idleProblem(input)
  const changed = problem !== null || idleSeconds(input) !== base.idleTimeout
  const stale = isStatus(update.error, 412)

  function fill(from: Workspace) {
    setBase(from)
    setInput(idleInput(from.idleTimeout))
    update.reset()
  }

  function submit(event: SubmitEvent) {
    event.preventDefault()
    if (problem !== null) return
    update.mutate(
      { idleTimeout: idleSeconds(input), revision: base.revision },
      {
        onSuccess: (saved) => {
          fill(saved)
          toast.ok('Saved.')
        },
      },
    )
  }

  async function reload() {
    setReloading(true)
    try {
      fill(await reloadWorkspace(client, workspace.name))
    } catch (error) {
      toast.bad(explain(error))
    } finally {
      setReloading(false)
    }
  }

  return (
    <Panel title="Idle stop" description="A stopped workspace keeps its files and wakes when its address is opened.">
      <form onSubmit={submit} noValidate className="space-y-4">
        <IdleField value={input} onChange={setInput} error={problem} />
        {stale ? (
          <Notice
            tone="warn"
            role="alert"
            title="It was changed in the meantime"
            action={
              <Button size="sm" busy={reloading} onClick={() => void reload()}>
                Reload
              </Button>
            }
          >
            Somebody saved other settings since this form was filled. Nothing of yours was saved. Reload, then change it
            again.
          </Notice>
        ) : (
          update.error && (
            <Notice tone="bad" role="alert" title="It was not saved">
              {explain(update.error)}
            </Notice>
          )
        )}
        <div className="flex gap-2">
          <Button type="submit" variant="primary" disabled={!changed || problem !== null || stale} busy={update.isPending}>
            Save
          </Button>
          <Button disabled={!changed} onClick={() => fill(base)}>
            Undo
          </Button>
        </div>
      </form>
    </Panel>
  )
}
