import { render } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, it, vi } from 'vitest'

import { useShortcuts } from './shortcuts'

function Page({ keys, children }: { keys: Record<string, () => void>; children?: React.ReactNode }) {
  useShortcuts(keys)
  return children
}

it('runs the function of a key', async () => {
  const run = vi.fn()
  render(<Page keys={{ n: run }} />)
  await userEvent.keyboard('n')
  expect(run).toHaveBeenCalledOnce()
})

it('leaves keys to who is typing, to an open dialog and to the browser', async () => {
  const run = vi.fn()
  const keys = { n: run }
  const view = render(
    <Page keys={keys}>
      <input aria-label="text" />
    </Page>,
  )
  await userEvent.type(view.getByRole('textbox'), 'n')
  view.getByRole('textbox').blur()
  await userEvent.keyboard('{Control>}n{/Control}')
  view.rerender(
    <Page keys={keys}>
      <div data-modal="open" />
    </Page>,
  )
  await userEvent.keyboard('n')
  expect(run).not.toHaveBeenCalled()
})
