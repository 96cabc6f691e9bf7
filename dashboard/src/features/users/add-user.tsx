import { type SubmitEvent, useState } from 'react'

import { explain, problemField } from '@/api/errors'
import type { LoginLink, User } from '@/api/model'
import { useAddUser } from '@/api/queries'
import { Button } from '@/components/ui/button'
import { CopyButton } from '@/components/ui/code'
import { Dialog, DialogBody, DialogFooter } from '@/components/ui/dialog'
import { Field, Input, Select } from '@/components/ui/field'
import { Notice } from '@/components/ui/notice'
import { until } from '@/lib/format'
import { nameProblem } from '@/lib/names'
import { useNow } from '@/lib/now'

interface AddUserDialogProps {
  onClose: () => void
  onAdded: (user: User, link: LoginLink) => void
}

export function AddUserDialog({ onClose, onAdded }: AddUserDialogProps) {
  const [id, setId] = useState('')
  const [email, setEmail] = useState('')
  const [role, setRole] = useState<User['role']>('member')
  const [submitted, setSubmitted] = useState(false)
  const add = useAddUser()
  const problem = nameProblem(id, 'user')
  const refused = problemField(add.error)
  const refusal = add.error ? explain(add.error) : null

  function submit(event: SubmitEvent) {
    event.preventDefault()
    setSubmitted(true)
    if (problem !== null) return
    add.mutate(
      { id, role, ...(email.trim() ? { email: email.trim() } : {}) },
      { onSuccess: ({ user, link }) => onAdded(user, link) },
    )
  }

  return (
    <Dialog open onClose={onClose} title="Add user" description="They get a link that signs them in once.">
      <form onSubmit={submit} noValidate>
        <DialogBody className="space-y-4">
          <Field
            label="Name"
            hint="Their first workspace is named after them."
            error={submitted || id ? (problem ?? (refused === 'id' || refused === 'name' ? refusal : null)) : null}
          >
            {(control) => (
              <Input
                {...control}
                value={id}
                onChange={(event) => {
                  setId(event.target.value)
                  add.reset()
                }}
                placeholder="alice"
                autoComplete="off"
                autoCapitalize="none"
                spellCheck={false}
                autoFocus
              />
            )}
          </Field>
          <Field label="E-mail" optional error={refused === 'email' ? refusal : null}>
            {(control) => (
              <Input {...control} type="email" value={email} onChange={(event) => setEmail(event.target.value)} autoComplete="off" />
            )}
          </Field>
          <Field label="Role" hint={role === 'admin' ? 'Sees all workspaces and manages users.' : 'Sees only their own workspaces.'}>
            {(control) => (
              <Select {...control} value={role} onChange={(event) => setRole(event.target.value === 'admin' ? 'admin' : 'member')}>
                <option value="member">Member</option>
                <option value="admin">Administrator</option>
              </Select>
            )}
          </Field>
          {refusal && !['id', 'name', 'email'].includes(refused ?? '') && (
            <Notice tone="bad" role="alert">
              {refusal}
            </Notice>
          )}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" busy={add.isPending}>
            Add user
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  )
}

export function LinkDialog({ user, link, onClose }: { user: User; link: LoginLink; onClose: () => void }) {
  const now = useNow()
  const left = until(link.expiresAt, now)
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Sign-in link for ${user.id}`}
      description="Give it to them over a channel that you trust: whoever opens it first is signed in as them. It is shown only now."
    >
      <DialogBody className="space-y-3">
        <div className="flex items-center gap-2 rounded-lg border border-line bg-term p-1 pl-3">
          <code className="min-w-0 flex-1 py-1 font-mono text-xs break-all select-all">{link.url}</code>
          <CopyButton text={link.url} label="Copy the link" />
        </div>
        <p className="text-[0.8125rem] text-muted">
          {left === 'now' ? 'It has expired: make a new one.' : `It works once and expires ${left}.`}
        </p>
      </DialogBody>
      <DialogFooter>
        <Button variant="primary" onClick={onClose}>
          Done
        </Button>
      </DialogFooter>
    </Dialog>
  )
}
