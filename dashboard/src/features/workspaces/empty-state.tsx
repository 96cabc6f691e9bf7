import { Link } from '@tanstack/react-router'
import { FileCode2, GitBranch, LayoutTemplate, type LucideIcon } from 'lucide-react'

import { Logo } from '@/components/logo'
import { Command } from '@/components/ui/code'
import type { CreateKind } from '@/features/create/kinds'

const CHOICES: { kind: CreateKind; icon: LucideIcon; title: string; text: string }[] = [
  { kind: 'blank', icon: FileCode2, title: 'Blank', text: 'An empty folder, an editor and a terminal.' },
  { kind: 'git', icon: GitBranch, title: 'From Git', text: 'Clone a repository and open it.' },
  { kind: 'template', icon: LayoutTemplate, title: 'From a template', text: 'Files, extensions and settings for a language.' },
]

export function EmptyState() {
  return (
    <div className="mx-auto max-w-3xl py-8 sm:py-14">
      <div className="text-center">
        <Logo className="mx-auto size-12" />
        <h1 className="mt-5 text-xl font-semibold tracking-tight">Create your first workspace</h1>
        <p className="mx-auto mt-2 max-w-lg text-muted">
          A workspace is VS Code in the browser with its own folder, terminal, settings and extensions. It stops by
          itself when nobody and nothing uses it, and wakes when you open its address.
        </p>
      </div>
      <ul className="mt-8 grid gap-3 sm:grid-cols-3">
        {CHOICES.map(({ kind, icon: Icon, title, text }) => (
          <li key={kind}>
            <Link
              to="/"
              search={{ new: kind }}
              className="flex h-full gap-4 rounded-xl border border-line bg-surface p-4 shadow-elevate transition-colors hover:border-accent-ink sm:flex-col sm:gap-3 sm:p-5"
            >
              <span className="grid size-9 shrink-0 place-items-center rounded-lg bg-accent-soft text-accent-ink">
                <Icon aria-hidden className="size-5" />
              </span>
              <span>
                <span className="block font-semibold">{title}</span>
                <span className="mt-1 block text-[0.8125rem] text-muted">{text}</span>
              </span>
            </Link>
          </li>
        ))}
      </ul>
      <div className="mx-auto mt-8 max-w-lg">
        <p className="mb-2 text-center text-[0.8125rem] text-muted">Or from a terminal:</p>
        <Command>vibecode workspace create my-project</Command>
      </div>
    </div>
  )
}
