import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, it } from 'vitest'

import { meQuery } from '@/api/queries'
import { me, pythonTemplate, workspace } from '@/test/data'
import { show } from '@/test/render'
import { json, problem, serve } from '@/test/server'

import CreateDialog from './create-dialog'

const templates = { 'GET /templates': () => json({ items: [pythonTemplate], errors: [] }) }
const submit = () => userEvent.click(screen.getByRole('button', { name: 'Create workspace' }))
const nameField = () => screen.getByRole('textbox', { name: 'Name' })

async function retype(text: string) {
  await userEvent.clear(nameField())
  if (text) await userEvent.type(nameField(), text)
}

it('judges the name while it is typed, by the rules of the server', async () => {
  const calls = serve(templates)
  await show(<CreateDialog search={{ new: 'blank' }} onClose={() => undefined} />)
  await retype('Shop')
  expect(nameField()).toBeInvalid()
  expect(screen.getByText(/lower case: try shop/)).toBeVisible()
  await submit()
  expect(nameField()).toHaveFocus()
  await retype('shop')
  expect(nameField()).toBeValid()
  expect(calls.filter((call) => call.method === 'POST')).toEqual([])
})

it('creates it and goes to its log', async () => {
  const calls = serve({ ...templates, 'POST /workspaces': () => json(workspace({ name: 'shop', status: 'pending' }), 201) })
  const { path } = await show(<CreateDialog search={{ new: 'git', git: 'https://github.com/acme/shop.git' }} onClose={() => undefined} />)
  expect(nameField()).toHaveValue('shop')
  await submit()
  await waitFor(() => expect(path()).toBe('/workspaces/shop/log'))
  expect(calls.find((call) => call.method === 'POST')?.body).toEqual({
    name: 'shop',
    source: { type: 'git', url: 'https://github.com/acme/shop.git', branch: null },
  })
})

it('shows what the server refuses at the field that it is about', async () => {
  serve({ ...templates, 'POST /workspaces': () => problem(409, 'name_taken', 'There is a workspace shop already: choose another name.', 'name') })
  await show(<CreateDialog search={{ new: 'blank' }} onClose={() => undefined} />)
  await retype('shop')
  await submit()
  expect(await screen.findByText(/There is a workspace shop already/)).toBeVisible()
  expect(nameField()).toBeInvalid()
  await waitFor(() => expect(nameField()).toHaveFocus())
  // Typing takes it away: it was about another name.
  await userEvent.type(nameField(), '-2')
  expect(screen.queryByText(/There is a workspace shop already/)).toBeNull()
})

it('shows what is about no field at the end', async () => {
  serve({ ...templates, 'POST /workspaces': () => problem(503, 'editor_unavailable', 'The editor is not installed: run vibecode editor install.') })
  await show(<CreateDialog search={{ new: 'blank' }} onClose={() => undefined} />)
  await submit()
  expect(await screen.findByRole('alert')).toHaveTextContent('The editor is not installed: run vibecode editor install.')
})

it('repeats a lost request under the same Idempotency-Key, and another request under a new one', async () => {
  const keys: (string | null)[] = []
  serve({
    ...templates,
    'POST /workspaces': ({ headers }) => {
      keys.push(headers.get('idempotency-key'))
      throw new TypeError('Failed to fetch')
    },
  })
  await show(<CreateDialog search={{ new: 'blank' }} onClose={() => undefined} />)
  await submit()
  await waitFor(() => expect(keys).toHaveLength(1))
  expect(await screen.findByRole('alert')).toHaveTextContent('The server does not answer')
  await submit()
  await waitFor(() => expect(keys).toHaveLength(2))
  await screen.findByRole('alert')
  await retype('other')
  await submit()
  await waitFor(() => expect(keys).toHaveLength(3))
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/)
  expect(keys[1]).toBe(keys[0])
  expect(keys[2]).not.toBe(keys[0])
})

it('asks for the parameters of a template, with their defaults', async () => {
  const calls = serve({ ...templates, 'POST /workspaces': () => json(workspace({ name: 'python' }), 201) })
  await show(<CreateDialog search={{ new: 'template' }} onClose={() => undefined} />)
  await submit()
  expect(await screen.findByText('Choose a template.')).toBeVisible()
  await userEvent.click(await screen.findByRole('radio', { name: /^Python/ }))
  expect(screen.getByRole('textbox', { name: 'Project name' })).toHaveValue('app')
  await userEvent.selectOptions(screen.getByRole('combobox', { name: 'Python version' }), '3.12')
  await userEvent.click(screen.getByRole('checkbox', { name: 'Add an example test' }))
  await userEvent.selectOptions(screen.getByRole('combobox', { name: 'Stop when idle' }), 'Never')
  await submit()
  await waitFor(() =>
    expect(calls.find((call) => call.method === 'POST')?.body).toEqual({
      name: 'python',
      source: { type: 'template', name: 'python', parameters: { project: 'app', python: '3.12', tests: 'false' } },
      idleTimeout: null,
    }),
  )
})

it.each(['admin', 'member'] as const)('tells which templates are damaged those who can mend them: %s', async (role) => {
  serve({ 'GET /templates': () => json({ items: [pythonTemplate], errors: ['The template rust is left out.'] }) })
  const { client } = await show(<CreateDialog search={{ new: 'template' }} onClose={() => undefined} />)
  client.setQueryData(meQuery.queryKey, { ...me, user: { ...me.user, role } })
  expect(await screen.findByRole('radio', { name: /Python/ })).toBeVisible()
  if (role === 'admin') expect(await screen.findByText('The template rust is left out.')).toBeVisible()
  else expect(screen.queryByText('The template rust is left out.')).toBeNull()
})
