import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, it, vi } from 'vitest'

import { workspacesQuery } from '@/api/queries'
import { workspace } from '@/test/data'
import { show } from '@/test/render'
import { noContent, problem, serve } from '@/test/server'

import DeleteDialog from './delete-dialog'

const shop = workspace({ name: 'shop', status: 'stopped' })
const confirmField = () => screen.getByRole('textbox', { name: /Type shop to confirm/ })

it('deletes only after the name is typed, and keeps the files unless asked', async () => {
  const calls = serve({ 'DELETE /workspaces/shop': noContent })
  const onClose = vi.fn()
  const { client } = await show(<DeleteDialog workspace={shop} onClose={onClose} />, [shop, workspace()])
  const button = screen.getByRole('button', { name: 'Delete workspace' })
  expect(screen.getByText(/files and its home stay on the server/)).toBeVisible()
  expect(button).toBeDisabled()
  await userEvent.type(confirmField(), 'sho{Enter}')
  expect(button).toBeDisabled()
  expect(calls).toEqual([])
  await userEvent.type(confirmField(), 'p')
  await userEvent.click(button)
  await waitFor(() => expect(onClose).toHaveBeenCalled())
  expect(calls[0]?.query.get('purge')).toBe('false')
  expect(client.getQueryData(workspacesQuery.queryKey)?.map((each) => each.name)).toEqual(['alice'])
})

it('says plainly that the files go, if they do', async () => {
  const calls = serve({ 'DELETE /workspaces/shop': noContent })
  await show(<DeleteDialog workspace={shop} onClose={() => undefined} />, [shop])
  await userEvent.click(screen.getByRole('checkbox', { name: /Also delete its files/ }))
  expect(screen.getByText(/erased for good/)).toBeVisible()
  await userEvent.type(confirmField(), 'shop')
  await userEvent.click(screen.getByRole('button', { name: 'Delete it and its files' }))
  await waitFor(() => expect(calls[0]?.query.get('purge')).toBe('true'))
})

it('stays open with the reason when it fails', async () => {
  serve({ 'DELETE /workspaces/shop': () => problem(503, 'unavailable', 'It is being stopped: try again in a moment.') })
  const onClose = vi.fn()
  await show(<DeleteDialog workspace={shop} onClose={onClose} />, [shop])
  await userEvent.type(confirmField(), 'shop{Enter}')
  expect(await screen.findByRole('alert')).toHaveTextContent('It is being stopped')
  expect(onClose).not.toHaveBeenCalled()
})

it('is content when somebody else was faster', async () => {
  serve({ 'DELETE /workspaces/shop': () => problem(404, 'workspace_not_found', 'There is no workspace shop.') })
  const onClose = vi.fn()
  await show(<DeleteDialog workspace={shop} onClose={onClose} />, [shop])
  await userEvent.type(confirmField(), 'shop{Enter}')
  await waitFor(() => expect(onClose).toHaveBeenCalled())
})

it('says what was done, though the stream of changes takes it off the page before the answer comes', async () => {
  serve({
    'DELETE /workspaces/shop': () => {
      view.unmount()
      return noContent()
    },
  })
  const onClose = vi.fn()
  const view = await show(<DeleteDialog workspace={shop} onClose={onClose} />, [shop])
  await userEvent.type(confirmField(), 'shop{Enter}')
  await waitFor(() => expect(onClose).toHaveBeenCalled())
})
