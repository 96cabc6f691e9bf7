import { screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { StrictMode } from 'react'
import { beforeEach, expect, it } from 'vitest'

import { me } from '@/test/data'
import { show } from '@/test/render'
import { type Call, json, problem, serve } from '@/test/server'

import { SignInPage } from './sign-in-page'

const nobody = () => problem(401, 'unauthenticated', 'Sign in first.')
const signIns = (calls: Call[]) => calls.filter((call) => call.method === 'POST').map((call) => call.body)

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
    'GET /me': nobody,
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
  expect(signIns(calls)).toEqual([{ token: 'secret' }])
  expect(hashes).toEqual([''])
  expect(location.search).toBe('?next=%2Fworkspaces%2Falice')
})

it('can try again after a lost answer', async () => {
  history.replaceState(null, '', '/sign-in#secret')
  const answers = [new TypeError('Failed to fetch'), problem(410, 'link_expired', 'This link was used before.')]
  const calls = serve({
    'GET /me': nobody,
    'POST /session': () => {
      const answer = answers.shift()
      if (answer instanceof Response) return answer
      throw answer ?? new Error('asked too often')
    },
  })
  await show(<SignInPage />)
  await userEvent.click(await screen.findByRole('button', { name: 'Try again' }))
  expect(await screen.findByRole('heading', { name: 'This link no longer works' })).toBeVisible()
  expect(signIns(calls)).toEqual([{ token: 'secret' }, { token: 'secret' }])
})

it('ends the sign-in of somebody only when they agree', async () => {
  history.replaceState(null, '', '/sign-in#secret')
  const calls = serve({ 'GET /me': () => json(me), 'POST /session': () => problem(410, 'link_expired', 'This link was used before.') })
  await show(<SignInPage />)
  expect(await screen.findByText(/ends your present sign-in as/)).toHaveTextContent('alice')
  expect(signIns(calls)).toEqual([])
  await userEvent.click(screen.getByRole('button', { name: 'Continue' }))
  expect(await screen.findByRole('heading', { name: 'This link no longer works' })).toBeVisible()
  expect(signIns(calls)).toEqual([{ token: 'secret' }])
})

it('uses no link while it is not known whether somebody is signed in', async () => {
  history.replaceState(null, '', '/sign-in#secret')
  const calls = serve({ 'GET /me': () => problem(503, 'unavailable', 'The server is busy.') })
  await show(<SignInPage />)
  expect(await screen.findByRole('alert')).toHaveTextContent('The server is busy.')
  expect(signIns(calls)).toEqual([])
})
