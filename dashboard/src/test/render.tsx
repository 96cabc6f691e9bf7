import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createMemoryHistory, createRootRoute, createRoute, createRouter, Outlet, RouterProvider } from '@tanstack/react-router'
import { render } from '@testing-library/react'
import type { ReactNode } from 'react'

import type { Workspace } from '@/api/model'
import { meQuery, workspacesQuery } from '@/api/queries'

import { me } from './data'

/** Shows a part of the dashboard with a router that knows its addresses, and what is in the cache already. */
export async function show(part: ReactNode, workspaces: Workspace[] = []) {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: Infinity }, mutations: { networkMode: 'always' } } })
  client.setQueryData(meQuery.queryKey, me)
  client.setQueryData(workspacesQuery.queryKey, workspaces)
  const root = createRootRoute({ component: Outlet })
  const start = createRoute({ getParentRoute: () => root, path: '/', component: () => part })
  const rest = createRoute({ getParentRoute: () => root, path: '$', component: () => <p>elsewhere</p> })
  const router = createRouter({
    routeTree: root.addChildren([start, rest]),
    history: createMemoryHistory({ initialEntries: ['/'] }),
  })
  await router.load()
  const view = render(
    <QueryClientProvider client={client}>
      {/* The real route tree is registered as the type; this one stands in for it. */}
      <RouterProvider router={router as never} />
    </QueryClientProvider>,
  )
  return { ...view, client, path: () => router.state.location.pathname }
}
