import { describe, expect, it } from 'vitest'

import { idleInput, idleProblem, idleSeconds } from './idle'

it.each([null, 900, 1800, 3600, 7200, 2700, 60, 30 * 86_400])('shows and sends %s seconds unchanged', (seconds) => {
  const input = idleInput(seconds)
  expect(idleProblem(input)).toBeNull()
  expect(idleSeconds(input)).toBe(seconds)
})

describe('custom minutes', () => {
  it.each(['', ' ', '0', '-5', '1.5', 'ten', '43201', '1e9'])('refuses %j', (minutes) => {
    expect(idleProblem({ choice: 'custom', minutes })).toMatch(/whole minutes/)
  })

  it('do not matter while another time is chosen', () => {
    expect(idleProblem({ choice: '30', minutes: 'ten' })).toBeNull()
  })
})
