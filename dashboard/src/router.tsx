import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet } from '@tanstack/react-router'

import { AppGate } from '@/components/app-shell'
import { ErrorPage, NotFoundPage } from '@/components/error-page'
import { Skeleton } from '@/components/ui/skeleton'
import { Toaster } from '@/components/ui/toast'
import { createSearch } from '@/features/create/kinds'
import { ListPage } from '@/features/workspaces/list-page'

const root = createRootRoute({
  component: () => (
    <>
      <Outlet />
      <Toaster />
    </>
  ),
  errorComponent: (props) => (
    <main>
      <ErrorPage {...props} />
    </main>
  ),
})

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  component: lazyRouteComponent(() => import('@/features/sign-in/sign-in-page'), 'SignInPage'),
})

const app = createRoute({ getParentRoute: () => root, id: 'app', component: AppGate })

const list = createRoute({ getParentRoute: () => app, path: '/', component: ListPage, validateSearch: createSearch })

const workspace = createRoute({
  getParentRoute: () => app,
  path: '/workspaces/$name',
  component: lazyRouteComponent(() => import('@/features/workspace/page'), 'WorkspacePage'),
})

const workspaceTabs = [
  createRoute({
    getParentRoute: () => workspace,
    path: '/',
    component: lazyRouteComponent(() => import('@/features/workspace/overview'), 'Overview'),
  }),
  createRoute({
    getParentRoute: () => workspace,
    path: '/log',
    component: lazyRouteComponent(() => import('@/features/workspace/log'), 'LogTab'),
  }),
  createRoute({
    getParentRoute: () => workspace,
    path: '/events',
    component: lazyRouteComponent(() => import('@/features/workspace/events'), 'EventsTab'),
  }),
  createRoute({
    getParentRoute: () => workspace,
    path: '/ports',
    component: lazyRouteComponent(() => import('@/features/workspace/ports'), 'PortsTab'),
  }),
  createRoute({
    getParentRoute: () => workspace,
    path: '/settings',
    component: lazyRouteComponent(() => import('@/features/workspace/settings'), 'SettingsTab'),
  }),
] as const

const account = createRoute({
  getParentRoute: () => app,
  path: '/account',
  component: lazyRouteComponent(() => import('@/features/account/account-page'), 'AccountPage'),
})

const users = createRoute({
  getParentRoute: () => app,
  path: '/users',
  component: lazyRouteComponent(() => import('@/features/users/users-page'), 'UsersPage'),
})

export const routeTree = root.addChildren([
  signIn,
  app.addChildren([list, workspace.addChildren(workspaceTabs), account, users]),
])

export function makeRouter() {
  return createRouter({
    routeTree,
    defaultPreload: 'intent',
    defaultErrorComponent: ErrorPage,
    defaultNotFoundComponent: NotFoundPage,
    defaultPendingComponent: () => <Skeleton className="h-64 rounded-xl" />,
    scrollRestoration: true,
  })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>
  }
}
