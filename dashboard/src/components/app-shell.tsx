import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, Outlet, useNavigate } from '@tanstack/react-router'
import { Keyboard, LogOut, MonitorCog, Moon, Sun, UserRound } from 'lucide-react'
import { lazy, Suspense, useEffect, useMemo, useState } from 'react'

import { explain, UnreachableError } from '@/api/errors'
import { followWorkspaces } from '@/api/live'
import type { Me } from '@/api/model'
import { meQuery, workspacesQuery } from '@/api/queries'
import { connectionStore } from '@/lib/connection'
import { useShortcuts } from '@/lib/shortcuts'
import { useStore } from '@/lib/store'
import { chooseTheme, type Theme, themeStore } from '@/lib/theme'

import { LiveState, UnreachableBanner, UnreachablePage } from './connection'
import { ErrorPage } from './error-page'
import { Logo } from './logo'
import { useSignOutAndLeave } from './sign-out'
import { Button } from './ui/button'
import { Menu, MenuItem, MenuRadio, MenuRadioGroup, MenuSeparator } from './ui/menu'
import { Skeleton } from './ui/skeleton'

const SignInHelp = lazy(() => import('@/features/sign-in/sign-in-page').then((module) => ({ default: module.SignInHelp })))
const ShortcutsDialog = lazy(() => import('./shortcuts-dialog'))

/** Lets in those who are signed in, and says to others what to do. */
export function AppGate() {
  const { signedIn } = useStore(connectionStore)
  const { data: me, error, isFetching } = useQuery(meQuery)
  if (!signedIn) {
    return (
      <Suspense>
        <SignInHelp />
      </Suspense>
    )
  }
  if (me) return <AppShell me={me} />
  if (error instanceof UnreachableError) return <UnreachablePage busy={isFetching} />
  if (error) {
    return (
      <main>
        <ErrorPage error={new Error(explain(error))} />
      </main>
    )
  }
  return <ShellSkeleton />
}

function AppShell({ me }: { me: Me }) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const loaded = useQuery({ ...workspacesQuery, select: () => true }).data === true
  const [help, setHelp] = useState(false)

  useEffect(() => (loaded ? followWorkspaces(client) : undefined), [client, loaded])

  const keys = useMemo(
    () => ({
      n: () => void navigate({ to: '/', search: { new: 'blank' } }),
      '?': () => setHelp(true),
      '/': () => document.querySelector<HTMLElement>('[data-search]')?.focus(),
    }),
    [navigate],
  )
  useShortcuts(keys)

  return (
    <div className="min-h-dvh">
      <a
        href="#content"
        className="fixed top-2 left-2 z-50 -translate-y-16 rounded-lg bg-accent px-3 py-2 font-medium text-white focus:translate-y-0"
      >
        Skip to the content
      </a>
      <header className="sticky top-0 z-30 border-b border-line bg-bg/90 backdrop-blur-sm">
        <div className="mx-auto flex h-14 max-w-7xl items-center gap-1 px-4 sm:px-6">
          <Brand />
          <nav aria-label="Main" className="flex gap-0.5">
            <NavLink to="/">Workspaces</NavLink>
            {me.user.role === 'admin' && <NavLink to="/users">Users</NavLink>}
          </nav>
          <div className="ml-auto flex items-center gap-1">
            <LiveState />
            <Button
              variant="ghost"
              size="icon"
              className="max-sm:hidden"
              aria-label="Keyboard shortcuts"
              title="Keyboard shortcuts (?)"
              onClick={() => setHelp(true)}
            >
              <Keyboard aria-hidden />
            </Button>
            <ThemeMenu />
            <AccountMenu me={me} />
          </div>
        </div>
      </header>
      <main id="content" tabIndex={-1} className="mx-auto max-w-7xl px-4 pt-6 pb-20 outline-none sm:px-6 sm:pt-8">
        <UnreachableBanner />
        <Outlet />
      </main>
      {help && (
        <Suspense>
          <ShortcutsDialog onClose={() => setHelp(false)} />
        </Suspense>
      )}
    </div>
  )
}

function Brand() {
  return (
    <Link to="/" aria-label="VibeCode, all workspaces" className="mr-2 flex items-center gap-2.5 rounded-lg sm:mr-5">
      <Logo className="size-7" />
      <span className="text-[0.9375rem] font-semibold tracking-tight max-sm:hidden">VibeCode</span>
    </Link>
  )
}

function NavLink({ to, children }: { to: '/' | '/users'; children: string }) {
  return (
    <Link
      to={to}
      // The pages of single workspaces belong to the list.
      activeOptions={{ exact: true, includeSearch: false }}
      className="rounded-lg px-2.5 py-1.5 font-medium text-muted transition-colors hover:bg-subtle hover:text-ink data-[status=active]:text-ink"
    >
      {children}
    </Link>
  )
}

const THEME_ICONS = { light: Sun, dark: Moon, system: MonitorCog }

function ThemeMenu() {
  const theme = useStore(themeStore)
  const Icon = THEME_ICONS[theme]
  return (
    <Menu
      label="Theme"
      trigger={
        <Button variant="ghost" size="icon" aria-label={`Theme: ${theme}`} title="Theme">
          <Icon aria-hidden />
        </Button>
      }
    >
      <MenuRadioGroup label="Theme" value={theme} onValueChange={(value) => chooseTheme(value as Theme)}>
        <MenuRadio icon={Sun} value="light">
          Light
        </MenuRadio>
        <MenuRadio icon={Moon} value="dark">
          Dark
        </MenuRadio>
        <MenuRadio icon={MonitorCog} value="system">
          System
        </MenuRadio>
      </MenuRadioGroup>
    </Menu>
  )
}

function AccountMenu({ me }: { me: Me }) {
  const { leave } = useSignOutAndLeave()
  const { id, name } = me.user
  return (
    <Menu
      trigger={
        <button
          type="button"
          aria-label={`Account of ${id}`}
          className="ml-1 grid size-8 place-items-center rounded-full bg-accent-soft text-[0.8125rem] font-semibold text-accent-ink uppercase"
        >
          {id.slice(0, 1)}
        </button>
      }
    >
      <div className="px-2.5 pt-1.5 pb-2">
        <p className="font-medium">{name || id}</p>
        <p className="text-xs text-muted">{me.user.role === 'admin' ? 'Administrator' : 'Member'}</p>
      </div>
      <MenuSeparator />
      <MenuItem asChild>
        <Link to="/account">
          <UserRound aria-hidden />
          Account
        </Link>
      </MenuItem>
      <MenuItem icon={LogOut} onSelect={leave}>
        Sign out
      </MenuItem>
    </Menu>
  )
}

/** The frame with nothing in it, while it is found out who is there. */
export function ShellSkeleton() {
  return (
    <div aria-busy="true" className="min-h-dvh">
      <div className="border-b border-line">
        <div className="mx-auto flex h-14 max-w-7xl items-center gap-2.5 px-4 sm:px-6">
          <Logo className="size-7" />
          <span className="text-[0.9375rem] font-semibold tracking-tight max-sm:hidden">VibeCode</span>
          <Skeleton className="ml-auto size-8 rounded-full" />
        </div>
      </div>
      <p role="status" className="sr-only">
        Loading
      </p>
    </div>
  )
}
