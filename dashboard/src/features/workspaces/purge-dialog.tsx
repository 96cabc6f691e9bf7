import { type SubmitEvent, useState } from 'react'

import { explain } from '@/api/errors'
import type { Workspace } from '@/api/model'
import { usePurgeKept } from '@/api/queries'
import { Button } from '@/components/ui/button'
import { Dialog, DialogBody, DialogFooter } from '@/components/ui/dialog'
import { Notice } from '@/components/ui/notice'
import { toast } from '@/components/ui/toast'
import { bytes } from '@/lib/format'

import { ConfirmName } from './confirm-name'

interface PurgeDialogProps {
  kept: Workspace
  onClose: () => void
}

export default function PurgeDialog({ kept, onClose }: PurgeDialogProps) {
  const { name, owner, resources } = kept
  const [typed, setTyped] = useState('')
  const purge = usePurgeKept({
    onDone: (deleted) => {
      if (deleted) toast.ok(`The files of ${name} are deleted.`)
      else toast.bad(`Nothing was deleted: the files of ${name} are not kept any more.`)
      onClose()
    },
  })

  function submit(event: SubmitEvent) {
    event.preventDefault()
    if (typed !== name) return
    purge.mutate(kept)
  }

  return (
    <Dialog open onClose={onClose} role="alertdialog" title={`Delete the files of ${name}?`} description={`What ${owner} had in it: ${bytes(resources.storage)}.`}>
      <form onSubmit={submit}>
        <DialogBody className="space-y-4">
          <Notice tone="bad">
            Its folder and its home with settings and extensions are erased for good. Work that was not pushed is lost.
          </Notice>
          <ConfirmName name={name} typed={typed} onChange={setTyped} />
          {purge.error && (
            <Notice tone="bad" role="alert">
              {explain(purge.error)}
            </Notice>
          )}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="danger" disabled={typed !== name} busy={purge.isPending}>
            Delete for good
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  )
}
