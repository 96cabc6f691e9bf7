import { screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { StrictMode } from 'react'
import { beforeEach, expect, it } from 'vitest'

import { show } from '@/test/render'
import { problem, serve } from '@/test/server'

import { SignInPage } from './sign-in-page'

beforeEach(() => {
  history.replaceState(null, '', '/sign-in')
})

it('says how to get a link when there is none', async () => {
  serve({})
  await show(<SignInPage />)
  expect(screen.getByText('vibecode login-link')).toBeVisible()
})

it('uses the token once, and takes it out of the address first', async () => {
  history.replaceState(null, '', '/sign-in?next=%2Fworkspaces%2Falice#secret')
  const hashes: string[] = []
  const calls = serve({
    'POST /session': () => {
      hashes.push(location.hash)
      return problem(410, 'link_expired', 'This link was used before.')
    },
  })
  await show(
    <StrictMode>
      <SignInPage />
    </StrictMode>,
  )
  expect(await screen.findByRole('heading', { name: 'This link no longer works' })).toBeVisible()
  expect(screen.getByRole('alert')).toHaveTextContent('This link was used before.')
  expect(calls.map((call) => call.body)).toEqual([{ token: 'secret' }])
  expect(hashes).toEqual([''])
  expect(location.search).toBe('?next=%2Fworkspaces%2Falice')
})

it('can try again after a lost answer', async () => {
  history.replaceState(null, '', '/sign-in#secret')
  const answers = [new TypeError('Failed to fetch'), problem(410, 'link_expired', 'This link was used before.')]
  const calls = serve({
    'POST /session': () => {
      const answer = answers.shift()
      if (answer instanceof Response) return answer
      throw answer ?? new Error('asked too often')
    },
  })
  await show(<SignInPage />)
  await userEvent.click(await screen.findByRole('button', { name: 'Try again' }))
  expect(await screen.findByRole('heading', { name: 'This link no longer works' })).toBeVisible()
  expect(calls.map((call) => call.body)).toEqual([{ token: 'secret' }, { token: 'secret' }])
})
