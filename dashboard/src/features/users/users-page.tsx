import { useQuery } from '@tanstack/react-query'
import { Link2, Trash2, UserPlus } from 'lucide-react'
import { useState } from 'react'

import { explain } from '@/api/errors'
import type { LoginLink, User } from '@/api/model'
import { meQuery, newLoginLink, useRemoveUser, usersQuery, workspacesQuery } from '@/api/queries'
import { Button } from '@/components/ui/button'
import { Card } from '@/components/ui/card'
import { Dialog, DialogBody, DialogFooter } from '@/components/ui/dialog'
import { Notice } from '@/components/ui/notice'
import { Skeleton } from '@/components/ui/skeleton'
import { toast } from '@/components/ui/toast'
import { useTitle } from '@/lib/title'

import { AddUserDialog, LinkDialog } from './add-user'

type Open = { kind: 'add' } | { kind: 'remove'; user: User } | { kind: 'link'; user: User; link: LoginLink } | null

export function UsersPage() {
  useTitle('Users')
  const { data: me } = useQuery(meQuery)
  const { data, error } = useQuery({ ...usersQuery, enabled: me?.user.role === 'admin' })
  const [open, setOpen] = useState<Open>(null)
  const close = () => setOpen(null)

  async function makeLink(user: User) {
    try {
      setOpen({ kind: 'link', user, link: await newLoginLink(user.id) })
    } catch (failure) {
      toast.bad(explain(failure))
    }
  }

  if (me && me.user.role !== 'admin') {
    return (
      <div className="mx-auto max-w-3xl">
        <h1 className="mb-5 text-xl font-semibold tracking-tight">Users</h1>
        <Notice title="Only administrators see the users">Ask one of them to add or remove somebody.</Notice>
      </div>
    )
  }
  return (
    <div className="mx-auto max-w-3xl">
      <div className="mb-5 flex flex-wrap items-center justify-between gap-3">
        <h1 className="text-xl font-semibold tracking-tight">Users</h1>
        <Button variant="primary" onClick={() => setOpen({ kind: 'add' })}>
          <UserPlus aria-hidden />
          Add user
        </Button>
      </div>
      {data ? (
        <Card aria-label="Users">
          <ul className="divide-y divide-line">
            {data.map((user) => (
              <UserRow
                key={user.id}
                user={user}
                isMe={user.id === me?.user.id}
                onLink={() => void makeLink(user)}
                onRemove={() => setOpen({ kind: 'remove', user })}
              />
            ))}
          </ul>
        </Card>
      ) : error ? (
        <Notice tone="bad" role="alert" title="The users can't be shown">
          {explain(error)}
        </Notice>
      ) : (
        <Skeleton className="h-40 rounded-xl" />
      )}
      {open?.kind === 'add' && (
        <AddUserDialog onClose={close} onAdded={(user, link) => setOpen({ kind: 'link', user, link })} />
      )}
      {open?.kind === 'link' && <LinkDialog user={open.user} link={open.link} onClose={close} />}
      {open?.kind === 'remove' && <RemoveUserDialog user={open.user} onClose={close} />}
    </div>
  )
}

interface UserRowProps {
  user: User
  isMe: boolean
  onLink: () => void
  onRemove: () => void
}

function UserRow({ user, isMe, onLink, onRemove }: UserRowProps) {
  const { data: workspaces } = useQuery(workspacesQuery)
  const count = workspaces?.filter((each) => each.owner === user.id).length ?? 0
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-2 py-3 pr-3 pl-4 sm:pl-5">
      <span aria-hidden className="grid size-8 shrink-0 place-items-center rounded-full bg-accent-soft text-[0.8125rem] font-semibold text-accent-ink uppercase">
        {user.id.slice(0, 1)}
      </span>
      <div className="min-w-0 flex-1 basis-40">
        <p className="flex flex-wrap items-center gap-x-2 font-medium">
          {user.id}
          {user.role === 'admin' && <span className="rounded-full bg-subtle px-2 py-0.5 text-xs text-muted">administrator</span>}
          {isMe && <span className="rounded-full bg-subtle px-2 py-0.5 text-xs text-muted">you</span>}
        </p>
        <p className="truncate text-[0.8125rem] text-muted">
          {user.email ? `${user.email} · ` : ''}
          {count === 1 ? '1 workspace' : `${count} workspaces`}
        </p>
      </div>
      <div className="flex gap-1">
        <Button size="sm" onClick={onLink} aria-label={`New sign-in link for ${user.id}`}>
          <Link2 aria-hidden />
          Sign-in link
        </Button>
        <Button
          variant="ghost"
          size="icon"
          onClick={onRemove}
          disabled={isMe}
          aria-label={`Remove ${user.id}`}
          title={isMe ? 'You can not remove yourself' : `Remove ${user.id}`}
        >
          <Trash2 aria-hidden />
        </Button>
      </div>
    </li>
  )
}

function RemoveUserDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const remove = useRemoveUser()
  const { data: workspaces } = useQuery(workspacesQuery)
  const owned = workspaces?.filter((each) => each.owner === user.id).map((each) => each.name) ?? []

  function confirm() {
    remove.mutate(user.id, {
      onSuccess: () => {
        toast.ok(`Removed ${user.id}.`)
        onClose()
      },
    })
  }

  return (
    <Dialog
      open
      onClose={onClose}
      role="alertdialog"
      title={`Remove ${user.id}?`}
      description="All of their sessions end at once, and they can't sign in any more."
    >
      <DialogBody className="space-y-4">
        {owned.length > 0 && (
          <Notice tone="warn" title={owned.length === 1 ? 'They own a workspace' : `They own ${owned.length} workspaces`}>
            {owned.join(', ')}. Delete {owned.length === 1 ? 'it' : 'them'} first: who has workspaces can&apos;t be removed.
          </Notice>
        )}
        {remove.error && (
          <Notice tone="bad" role="alert">
            {explain(remove.error)}
          </Notice>
        )}
      </DialogBody>
      <DialogFooter>
        <Button onClick={onClose}>Cancel</Button>
        <Button variant="danger" disabled={owned.length > 0} busy={remove.isPending} onClick={confirm}>
          Remove user
        </Button>
      </DialogFooter>
    </Dialog>
  )
}
