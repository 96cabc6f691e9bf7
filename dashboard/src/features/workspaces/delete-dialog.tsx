import { type SubmitEvent, useState } from 'react'

import { explain } from '@/api/errors'
import type { Workspace } from '@/api/model'
import { useDeleteWorkspace } from '@/api/queries'
import { Button } from '@/components/ui/button'
import { Dialog, DialogBody, DialogFooter } from '@/components/ui/dialog'
import { Checkbox } from '@/components/ui/field'
import { Notice } from '@/components/ui/notice'
import { toast } from '@/components/ui/toast'
import { bytes } from '@/lib/format'

import { ConfirmName } from './confirm-name'

interface DeleteDialogProps {
  workspace: Workspace
  onClose: () => void
  onDeleted?: () => void
}

export default function DeleteDialog({ workspace, onClose, onDeleted }: DeleteDialogProps) {
  const { name, status, resources } = workspace
  const [typed, setTyped] = useState('')
  const [purge, setPurge] = useState(false)
  const remove = useDeleteWorkspace({
    onDone: (deletion) => {
      toast.ok(deletion.purge ? `Deleted ${name} and its files.` : `Deleted ${name}. Its files are kept.`)
      onClose()
      onDeleted?.()
    },
  })

  function submit(event: SubmitEvent) {
    event.preventDefault()
    if (typed !== name) return
    remove.mutate({ name, purge })
  }

  return (
    <Dialog
      open
      onClose={onClose}
      role="alertdialog"
      title={`Delete ${name}?`}
      description={
        status === 'stopped' || status === 'failed'
          ? 'It disappears from the list, and its address no longer answers.'
          : 'It is stopped at once, with all that runs in it. It disappears from the list, and its address no longer answers.'
      }
    >
      <form onSubmit={submit}>
        <DialogBody className="space-y-4">
          <Checkbox
            label={`Also delete its files (${bytes(resources.storage)})`}
            checked={purge}
            onChange={(event) => setPurge(event.target.checked)}
          />
          {purge ? (
            <Notice tone="bad">
              Its folder, its home with settings and extensions, and its logs are erased for good. Work that was not
              pushed is lost.
            </Notice>
          ) : (
            <Notice>
              Its files and its home stay on the server. A new workspace named <strong>{name}</strong> of the same owner
              gets them back.
            </Notice>
          )}
          <ConfirmName name={name} typed={typed} onChange={setTyped} />
          {remove.error && (
            <Notice tone="bad" role="alert">
              {explain(remove.error)}
            </Notice>
          )}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="danger" disabled={typed !== name} busy={remove.isPending}>
            {purge ? 'Delete it and its files' : 'Delete workspace'}
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  )
}
