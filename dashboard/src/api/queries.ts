import { type QueryClient, queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'

import { http, unwrap } from './client'
import { isStatus } from './errors'
import { sorted, withoutWorkspace, withWorkspace } from './merge'
import type { NewUser, NewWorkspace, Session, User, Workspace, WorkspacePage } from './model'

const PAGE = 100

async function allWorkspaces(kept = false): Promise<Workspace[]> {
  const items: Workspace[] = []
  let cursor: string | null = null
  do {
    const page: WorkspacePage = await unwrap(http.GET('/api/v1/workspaces', { params: { query: { limit: PAGE, cursor, ...(kept ? { kept } : {}) } } }))
    items.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== null)
  return sorted(items)
}

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: () => unwrap(http.GET('/api/v1/me')),
})

/** Kept up to date by the stream of changes (see live.ts), not by asking again. */
export const workspacesQuery = queryOptions({
  queryKey: ['workspaces'],
  queryFn: () => allWorkspaces(),
  staleTime: Infinity,
  refetchOnWindowFocus: false,
})

/** What deleted workspaces left. It changes when one is created or removed (see live.ts). */
export const keptQuery = queryOptions({
  queryKey: ['kept'],
  queryFn: () => allWorkspaces(true),
})

export const templatesQuery = queryOptions({
  queryKey: ['templates'],
  queryFn: () => unwrap(http.GET('/api/v1/templates')),
  staleTime: 60_000,
})

export const eventsQuery = (name: string) =>
  queryOptions({
    queryKey: ['workspace', name, 'events'],
    queryFn: async () => (await unwrap(http.GET('/api/v1/workspaces/{name}/events', { params: { path: { name } } }))).items,
  })

export const portsQuery = (name: string) =>
  queryOptions({
    queryKey: ['workspace', name, 'ports'],
    queryFn: async () => (await unwrap(http.GET('/api/v1/workspaces/{name}/ports', { params: { path: { name } } }))).items,
    refetchInterval: 5000,
  })

export const sessionsQuery = queryOptions({
  queryKey: ['sessions'],
  queryFn: async (): Promise<Session[]> => (await unwrap(http.GET('/api/v1/sessions'))).items,
})

export const usersQuery = queryOptions({
  queryKey: ['users'],
  queryFn: async (): Promise<User[]> => (await unwrap(http.GET('/api/v1/users'))).items,
})

/** One workspace out of the list; undefined while the list loads, null when there is none of that name. */
export function useWorkspace(name: string): Workspace | null | undefined {
  const { data } = useQuery({
    ...workspacesQuery,
    select: (list) => list.find((each) => each.name === name) ?? null,
  })
  return data
}

export function storeWorkspace(client: QueryClient, workspace: Workspace): void {
  client.setQueryData(workspacesQuery.queryKey, (list) => list && withWorkspace(list, workspace))
}

export function forgetWorkspace(client: QueryClient, name: string): void {
  client.setQueryData(workspacesQuery.queryKey, (list) => list && withoutWorkspace(list, name))
  client.removeQueries({ queryKey: ['workspace', name] })
}

export type Action = 'start' | 'stop' | 'restart' | 'keep-running'

export function useAction() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ name, action }: { name: string; action: Action }): Promise<Workspace> => {
      const options = { params: { path: { name } } }
      switch (action) {
        case 'start':
          return unwrap(http.POST('/api/v1/workspaces/{name}/start', options))
        case 'stop':
          return unwrap(http.POST('/api/v1/workspaces/{name}/stop', options))
        case 'restart':
          return unwrap(http.POST('/api/v1/workspaces/{name}/restart', options))
        case 'keep-running':
          return unwrap(http.POST('/api/v1/workspaces/{name}/keep-running', options))
      }
    },
    onSuccess: (workspace) => storeWorkspace(client, workspace),
  })
}

export function useCreateWorkspace() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ body, key }: { body: NewWorkspace; key: string }) =>
      unwrap(http.POST('/api/v1/workspaces', { body, headers: { 'Idempotency-Key': key } })),
    onSuccess: (workspace) => {
      storeWorkspace(client, workspace)
      void client.invalidateQueries({ queryKey: keptQuery.queryKey })
    },
  })
}

/*
 * What follows a success is given to useMutation, not to mutate(): the stream of changes is often faster than the answer
 * and takes away the part of the page that asked, and TanStack Query drops the callbacks of mutate() with it.
 */

interface Deletion {
  name: string
  purge: boolean
}

export function useDeleteWorkspace({ onDone }: { onDone: (deletion: Deletion) => void }) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async ({ name, purge }: Deletion) => {
      try {
        await unwrap(http.DELETE('/api/v1/workspaces/{name}', { params: { path: { name }, query: { purge } } }))
      } catch (error) {
        // Somebody was faster: what was asked for is so.
        if (!isStatus(error, 404)) throw error
      }
    },
    onSuccess: (_, deletion) => {
      forgetWorkspace(client, deletion.name)
      void client.invalidateQueries({ queryKey: keptQuery.queryKey })
      onDone(deletion)
    },
  })
}

/** Makes a workspace of the files that were kept of one. */
export function useBringBack({ onDone }: { onDone: (workspace: Workspace) => void }) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ name, owner }: Workspace) => unwrap(http.POST('/api/v1/workspaces', { body: { name, source: null, owner } })),
    onSuccess: (workspace) => {
      storeWorkspace(client, workspace)
      onDone(workspace)
    },
    onSettled: () => client.invalidateQueries({ queryKey: keptQuery.queryKey }),
  })
}

export function usePurgeKept({ onDone }: { onDone: (deleted: boolean) => void }) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async ({ id, name, owner }: Workspace) => {
      // The request would delete a workspace that was made of them meanwhile.
      if (!(await allWorkspaces(true)).some((each) => each.id === id)) return false
      await unwrap(http.DELETE('/api/v1/workspaces/{name}', { params: { path: { name }, query: { purge: true, owner } } }))
      return true
    },
    onSuccess: onDone,
    onSettled: () => client.invalidateQueries({ queryKey: keptQuery.queryKey }),
  })
}

/** The ETag of a workspace is its revision in quotes. */
export function useUpdateWorkspace(name: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ idleTimeout, revision }: { idleTimeout: number | null; revision: number }) =>
      unwrap(
        http.PATCH('/api/v1/workspaces/{name}', {
          params: { path: { name }, header: { 'if-match': `"${revision}"` } },
          body: { idleTimeout },
        }),
      ),
    onSuccess: (workspace) => storeWorkspace(client, workspace),
  })
}

export async function reloadWorkspace(client: QueryClient, name: string): Promise<Workspace> {
  const workspace = await unwrap(http.GET('/api/v1/workspaces/{name}', { params: { path: { name } } }))
  storeWorkspace(client, workspace)
  return workspace
}

export function useRevokeSession() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => unwrap(http.DELETE('/api/v1/sessions/{session_id}', { params: { path: { session_id: id } } })),
    onSuccess: (_, id) => client.setQueryData(sessionsQuery.queryKey, (list) => list?.filter((each) => each.id !== id)),
  })
}

export function useSignOut() {
  return useMutation({ mutationFn: () => unwrap(http.DELETE('/api/v1/session')) })
}

export function useAddUser() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async (body: NewUser) => {
      const user = await unwrap(http.POST('/api/v1/users', { body }))
      return { user, link: await newLoginLink(user.id) }
    },
    onSettled: () => client.invalidateQueries({ queryKey: usersQuery.queryKey }),
  })
}

export function newLoginLink(id: string) {
  return unwrap(http.POST('/api/v1/users/{user_id}/login-links', { params: { path: { user_id: id } } }))
}

export function useRemoveUser() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => unwrap(http.DELETE('/api/v1/users/{user_id}', { params: { path: { user_id: id } } })),
    onSuccess: (_, id) => client.setQueryData(usersQuery.queryKey, (list) => list?.filter((each) => each.id !== id)),
  })
}

/** The id of the user that this browser is signed in as, null if it is nobody. */
export async function presentUser(): Promise<string | null> {
  try {
    return (await unwrap(http.GET('/api/v1/me'))).user.id
  } catch (error) {
    if (isStatus(error, 401)) return null
    throw error
  }
}

export function signIn(token: string) {
  return unwrap(http.POST('/api/v1/session', { body: { token } }))
}
