import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, it } from 'vitest'

import { meQuery } from '@/api/queries'
import { me, workspace } from '@/test/data'
import { show } from '@/test/render'
import { json, noContent, problem, serve } from '@/test/server'

import { KeptFiles } from './kept-files'

const kept = workspace({ id: 'w-1', name: 'old', status: 'stopped', reason: 'Deleted on 2026-11-20; its files are kept for its owner.' })
const bobs = workspace({ id: 'w-2', name: 'thesis', owner: 'bob', status: 'stopped', reason: 'Deleted.' })
const list = (...items: unknown[]) => json({ items, nextCursor: null })

async function unfold() {
  await userEvent.click(await screen.findByText(/^Kept files/))
}

it('shows nothing where nothing is kept', async () => {
  const calls = serve({ 'GET /workspaces': () => list() })
  await show(<KeptFiles />)
  await waitFor(() => expect(calls).toHaveLength(1))
  expect(calls[0]?.query.get('kept')).toBe('true')
  expect(screen.queryByText(/Kept files/)).toBeNull()
})

it('brings files back for their owner', async () => {
  const calls = serve({ 'GET /workspaces': () => list(kept, bobs), 'POST /workspaces': () => json(workspace({ name: 'thesis', owner: 'bob' }), 201) })
  const { client, path } = await show(<KeptFiles />)
  client.setQueryData(meQuery.queryKey, { ...me, user: { ...me.user, role: 'admin' } })
  await unfold()
  expect(screen.getByText(/bob · 1\.2 GiB · Deleted\./)).toBeVisible()
  await userEvent.click(screen.getByRole('button', { name: 'Bring back thesis of bob' }))
  await waitFor(() => expect(path()).toBe('/workspaces/thesis/log'))
  expect(calls.find((call) => call.method === 'POST')?.body).toEqual({ name: 'thesis', source: null, owner: 'bob' })
})

it('deletes them for good after their name is typed, and asks again what is left', async () => {
  let left = [kept]
  const calls = serve({
    'GET /workspaces': () => list(...left),
    'DELETE /workspaces/old': () => {
      left = []
      return noContent()
    },
  })
  await show(<KeptFiles />)
  await unfold()
  await userEvent.click(screen.getByRole('button', { name: 'Delete for good: the kept files of old' }))
  const button = await screen.findByRole('button', { name: 'Delete for good' })
  expect(button).toBeDisabled()
  await userEvent.type(screen.getByRole('textbox', { name: /Type old to confirm/ }), 'old')
  await userEvent.click(button)
  await waitFor(() => expect(screen.queryByText(/Kept files/)).toBeNull())
  const call = calls.find((each) => each.method === 'DELETE')
  expect(call?.query.toString()).toBe('purge=true&owner=alice')
})

it('deletes no workspace that was made of them meanwhile', async () => {
  let left = [kept]
  const calls = serve({ 'GET /workspaces': () => list(...left), 'DELETE /workspaces/old': noContent })
  await show(<KeptFiles />)
  await unfold()
  await userEvent.click(screen.getByRole('button', { name: 'Delete for good: the kept files of old' }))
  await userEvent.type(await screen.findByRole('textbox', { name: /Type old to confirm/ }), 'old')
  left = []
  await userEvent.click(screen.getByRole('button', { name: 'Delete for good' }))
  await waitFor(() => expect(screen.queryByRole('alertdialog')).toBeNull())
  expect(calls.every((call) => call.method === 'GET')).toBe(true)
})

it('says why files can not be deleted', async () => {
  serve({ 'GET /workspaces': () => list(kept), 'DELETE /workspaces/old': () => problem(503, 'unavailable', 'The disk is read-only.') })
  await show(<KeptFiles />)
  await unfold()
  await userEvent.click(screen.getByRole('button', { name: 'Delete for good: the kept files of old' }))
  await userEvent.type(await screen.findByRole('textbox', { name: /Type old to confirm/ }), 'old{Enter}')
  expect(await screen.findByRole('alert')).toHaveTextContent('The disk is read-only.')
})
