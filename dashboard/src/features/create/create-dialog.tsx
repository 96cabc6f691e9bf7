import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { FileCode2, GitBranch, LayoutTemplate } from 'lucide-react'
import { type SubmitEvent, useEffect, useMemo, useRef, useState } from 'react'

import { explain, problemField, UnreachableError } from '@/api/errors'
import type { Template } from '@/api/model'
import { meQuery, templatesQuery, useCreateWorkspace, workspacesQuery } from '@/api/queries'
import { Button } from '@/components/ui/button'
import { Segmented } from '@/components/ui/choice'
import { Dialog, DialogBody, DialogFooter } from '@/components/ui/dialog'
import { Field, Input } from '@/components/ui/field'
import { Notice } from '@/components/ui/notice'
import { Skeleton } from '@/components/ui/skeleton'
import { workspaceHost } from '@/lib/address'
import { idleInput } from '@/lib/idle'

import { type CreateForm, formField, newKey, type Problems, problemsOf, proposedName, requestBody } from './form'
import { IdleField } from './idle-field'
import type { CreateKind, CreateSearch } from './kinds'
import { TemplateFields } from './template-fields'

/** The fields that show a message of the server's; others' show at the end of the form. */
const FIELDS: Record<CreateKind, readonly string[]> = {
  blank: ['name', 'idleTimeout'],
  git: ['name', 'idleTimeout', 'url', 'branch'],
  template: ['name', 'idleTimeout', 'template'],
}

interface CreateDialogProps {
  search: CreateSearch
  onClose: () => void
}

export default function CreateDialog({ search, onClose }: CreateDialogProps) {
  return (
    <Dialog open onClose={onClose} title="New workspace" size="page">
      <CreateWorkspaceForm search={search} onClose={onClose} />
    </Dialog>
  )
}

export function CreateWorkspaceForm({ search, onClose }: CreateDialogProps) {
  const navigate = useNavigate()
  const { data: me } = useQuery(meQuery)
  const { data: workspaces } = useQuery(workspacesQuery)
  const templates = useQuery(templatesQuery)
  const create = useCreateWorkspace()
  const form = useRef<HTMLFormElement>(null)
  const key = useRef<string | null>(null)
  const [attempts, setAttempts] = useState(0)
  const [state, setState] = useState<CreateForm>(() => ({
    kind: search.new ?? 'blank',
    name: null,
    url: search.git ?? '',
    branch: search.branch ?? '',
    template: search.template ?? '',
    parameters: {},
    idle: null,
  }))

  const taken = useMemo(() => new Set(workspaces?.map((each) => each.name)), [workspaces])
  const name = state.name ?? proposedName(state, me?.user.id ?? '', taken)
  const template = templates.data?.items.find((each) => each.name === state.template)
  // While it is being created the name appears in the list: that is no collision.
  const problems = create.isPending || create.isSuccess ? {} : problemsOf(state, name, taken, template)
  const known = [...FIELDS[state.kind], ...(template?.parameters.map((each) => `parameters.${each.name}`) ?? [])]
  const refused = formField(problemField(create.error))
  const refusedField = refused !== null && known.includes(refused) ? refused : null
  const errors: Problems = { ...shownProblems() }
  if (refusedField && create.error) errors[refusedField] ??= explain(create.error)

  /** Before the first attempt only what was typed is judged. */
  function shownProblems(): Problems {
    if (attempts > 0) return problems
    return state.name && problems.name ? { name: problems.name } : {}
  }

  function change(changes: Partial<CreateForm>) {
    key.current = null
    if (create.error) create.reset()
    setState((before) => ({ ...before, ...changes }))
  }

  function submit(event: SubmitEvent) {
    event.preventDefault()
    setAttempts((before) => before + 1)
    if (Object.keys(problems).length > 0 || create.isPending) return
    // The same key for the same request again after a lost answer: the server then makes only one workspace.
    key.current ??= newKey()
    create.mutate(
      { body: requestBody(state, name, template), key: key.current },
      {
        onSuccess: (workspace) => void navigate({ to: '/workspaces/$name/log', params: { name: workspace.name } }),
        onError: (error) => {
          if (!(error instanceof UnreachableError)) key.current = null
        },
      },
    )
  }

  // After an attempt that failed, go to what has to be mended.
  useEffect(() => {
    if (attempts > 0) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
  }, [attempts, create.error])

  return (
    <form ref={form} onSubmit={submit} noValidate>
      <DialogBody className="space-y-5">
        <Segmented
          legend="Start from"
          showLegend
          value={state.kind}
          choices={[
            { value: 'blank', label: 'Blank', icon: FileCode2 },
            { value: 'git', label: 'Git', icon: GitBranch },
            { value: 'template', label: 'Template', icon: LayoutTemplate },
          ]}
          onChange={(kind) => change({ kind })}
        />
        {state.kind === 'git' && (
          <div className="grid gap-4 sm:grid-cols-[minmax(0,1fr)_9rem]">
            <Field label="Repository" error={errors.url} hint="It is cloned as the server's user; the log shows how it goes.">
              {(control) => (
                <Input
                  {...control}
                  type="url"
                  value={state.url}
                  onChange={(event) => change({ url: event.target.value })}
                  placeholder="https://github.com/owner/project"
                  autoFocus
                  autoComplete="off"
                  autoCapitalize="none"
                  spellCheck={false}
                />
              )}
            </Field>
            <Field label="Branch" optional error={errors.branch}>
              {(control) => (
                <Input
                  {...control}
                  value={state.branch}
                  onChange={(event) => change({ branch: event.target.value })}
                  placeholder="default"
                  autoComplete="off"
                  autoCapitalize="none"
                  spellCheck={false}
                />
              )}
            </Field>
          </div>
        )}
        {state.kind === 'template' && (
          <TemplateChoice
            templates={templates.data?.items}
            // Members can do nothing about them.
            damaged={me?.user.role === 'admin' ? templates.data?.errors : undefined}
            failure={templates.error ? explain(templates.error) : null}
            chosen={state.template}
            error={errors.template}
            onChoose={(chosen) => change({ template: chosen, parameters: {} })}
          />
        )}
        {state.kind === 'template' && template && template.parameters.length > 0 && (
          <div className="grid gap-4 sm:grid-cols-2">
            <TemplateFields
              template={template}
              typed={state.parameters}
              onChange={(parameters) => change({ parameters })}
              problems={errors}
            />
          </div>
        )}
        <Field label="Name" error={errors.name} hint={<>Its address will be {workspaceHost(name || '…', me?.domain ?? '')}</>}>
          {(control) => (
            <Input
              {...control}
              value={name}
              onChange={(event) => change({ name: event.target.value })}
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              autoFocus={state.kind !== 'git'}
            />
          )}
        </Field>
        <IdleField
          value={state.idle ?? idleInput(me?.defaultIdleTimeout ?? null)}
          standard={me?.defaultIdleTimeout ?? null}
          error={errors.idleTimeout ?? null}
          onChange={(idle) => change({ idle })}
        />
        {create.error && !refusedField && (
          <Notice tone="bad" role="alert" title="It was not created">
            {explain(create.error)}
          </Notice>
        )}
      </DialogBody>
      <DialogFooter sticky>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" variant="primary" busy={create.isPending}>
          {create.isPending ? 'Creating…' : 'Create workspace'}
        </Button>
      </DialogFooter>
    </form>
  )
}

interface TemplateChoiceProps {
  templates: readonly Template[] | undefined
  /** Sentences on templates that can't be used. */
  damaged: readonly string[] | undefined
  failure: string | null
  chosen: string
  error: string | undefined
  onChoose: (name: string) => void
}

function TemplateChoice({ templates, damaged = [], failure, chosen, error, onChoose }: TemplateChoiceProps) {
  if (failure) return <Notice tone="bad">{failure}</Notice>
  if (!templates) return <Skeleton className="h-16" />
  const note = damaged.length > 0 && (
    <Notice title={damaged.length === 1 ? "A template can't be used" : `${damaged.length} templates can't be used`}>
      {damaged.map((each) => (
        <p key={each}>{each}</p>
      ))}
    </Notice>
  )
  if (templates.length === 0) {
    return note || <Notice title="There is no template">The operator can put some into the templates folder of the server.</Notice>
  }
  return (
    <fieldset aria-describedby="template-problem">
      <legend className="mb-1.5 text-[0.8125rem] font-medium">Template</legend>
      <div className="grid gap-2 sm:grid-cols-3">
        {templates.map(({ name, title, description }) => (
          <label
            key={name}
            className="flex gap-2.5 rounded-lg border border-line p-3 transition-colors hover:border-line-strong has-checked:border-accent-ink has-checked:bg-accent-soft has-focus-visible:outline-2 has-focus-visible:outline-accent-ink"
          >
            <input
              type="radio"
              name="template"
              value={name}
              checked={name === chosen}
              onChange={() => onChoose(name)}
              aria-invalid={error ? true : undefined}
              className="mt-0.5 size-4 shrink-0 accent-accent outline-none"
            />
            <span className="min-w-0">
              <span className="block font-medium">{title}</span>
              <span className="block text-[0.8125rem] text-muted">{description}</span>
            </span>
          </label>
        ))}
      </div>
      <p id="template-problem" aria-live="polite" className="text-[0.8125rem] text-bad">
        {error && <span className="mt-1.5 block">{error}</span>}
      </p>
      {note && <div className="mt-2">{note}</div>}
    </fieldset>
  )
}
