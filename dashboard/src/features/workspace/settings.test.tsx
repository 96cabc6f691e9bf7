import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, it } from 'vitest'

import { storeWorkspace, useWorkspace } from '@/api/queries'
import { workspace } from '@/test/data'
import { show } from '@/test/render'
import { json, problem, serve } from '@/test/server'

import { IdlePanel } from './settings'

function Panel() {
  const shown = useWorkspace('alice')
  return shown ? <IdlePanel workspace={shown} /> : null
}

const select = () => screen.getByRole('combobox', { name: 'Stop when idle' })
const save = () => userEvent.click(screen.getByRole('button', { name: 'Save' }))

it('saves the idle time with the ETag that it was read with', async () => {
  const calls = serve({ 'PATCH /workspaces/alice': () => json(workspace({ idleTimeout: 3600, revision: 4 })) })
  await show(<Panel />, [workspace()])
  expect(select()).toHaveDisplayValue('After 30 min')
  await userEvent.selectOptions(select(), 'After 1 h')
  await save()
  await waitFor(() => expect(screen.getByRole('button', { name: 'Save' })).toBeDisabled())
  expect(calls[0]?.headers.get('if-match')).toBe('"3"')
  expect(calls[0]?.body).toEqual({ idleTimeout: 3600 })
})

it('does not take over a change that came in meanwhile, says so, and offers to reload', async () => {
  const theirs = workspace({ idleTimeout: 7200, revision: 4 })
  const calls = serve({
    'PATCH /workspaces/alice': ({ headers }) =>
      headers.get('if-match') === '"4"' ? json(workspace({ idleTimeout: null, revision: 5 })) : problem(412, 'revision_mismatch', 'It was changed.'),
    'GET /workspaces/alice': () => json(theirs),
  })
  const { client } = await show(<Panel />, [workspace()])
  storeWorkspace(client, theirs)
  await userEvent.selectOptions(select(), 'Never')
  await save()
  expect(await screen.findByRole('alert')).toHaveTextContent('It was changed in the meantime')
  await userEvent.click(screen.getByRole('button', { name: 'Reload' }))
  await waitFor(() => expect(select()).toHaveDisplayValue('After 2 h'))
  expect(screen.queryByRole('alert')).toBeNull()
  await userEvent.selectOptions(select(), 'Never')
  await save()
  await waitFor(() => expect(calls.at(-1)?.body).toEqual({ idleTimeout: null }))
  expect(calls.at(-1)?.headers.get('if-match')).toBe('"4"')
})

it('takes a time of its own, and refuses one that is none', async () => {
  const calls = serve({ 'PATCH /workspaces/alice': () => json(workspace({ idleTimeout: 2700, revision: 4 })) })
  await show(<Panel />, [workspace()])
  await userEvent.selectOptions(select(), 'After another time…')
  const minutes = screen.getByRole('spinbutton', { name: 'Minutes' })
  await userEvent.clear(minutes)
  expect(screen.getByText(/whole minutes/)).toBeVisible()
  expect(screen.getByRole('button', { name: 'Save' })).toBeDisabled()
  await userEvent.type(minutes, '45')
  await save()
  await waitFor(() => expect(calls[0]?.body).toEqual({ idleTimeout: 2700 }))
})
