import { describe, expect, it } from 'vitest'

import { ago, browserName, bytes, cores, duration, plainLine, sentence, until } from './format'

const NOW = Date.parse('2026-11-24T12:00:00Z')
const before = (seconds: number) => new Date(NOW - seconds * 1000).toISOString()
const after = (seconds: number) => new Date(NOW + seconds * 1000).toISOString()

describe('bytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [412 * 1024 ** 2, '412 MiB'],
    [1023 * 1024 ** 2, '1.0 GiB'],
    [2.3 * 1024 ** 3, '2.3 GiB'],
    [5000 * 1024 ** 4, '5000 TiB'],
  ])('%d is %s', (value, text) => {
    expect(bytes(value)).toBe(text)
  })
})

it('shows cores to the hundredth, until there are many', () => {
  expect(cores(0.1234)).toBe('0.12')
  expect(cores(12.34)).toBe('12')
})

describe('duration', () => {
  it.each([
    [0.4, '0 s'],
    [59, '59 s'],
    [60, '1 min'],
    [119, '1 min'],
    [3600, '1 h'],
    [3900, '1 h 5 min'],
    [86_400, '1 day'],
    [200_000, '2 days'],
    [-5, '0 s'],
  ])('of %d seconds is %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text)
  })
})

describe('ago', () => {
  it.each([
    [3, 'just now'],
    [59, 'just now'],
    [-30, 'just now'],
    [61, '1 min ago'],
    [3 * 3600 + 3000, '3 h ago'],
    [86_400 * 2, '2 days ago'],
  ])('%d seconds is %s', (seconds, text) => {
    expect(ago(before(seconds), NOW)).toBe(text)
  })

  it('names the date after a week, and the year only when it is another', () => {
    expect(ago(before(86_400 * 10), NOW)).not.toMatch(/ago|2026/)
    expect(ago(before(86_400 * 400), NOW)).toMatch(/2025/)
  })
})

describe('until', () => {
  it.each([
    [-10, 'now'],
    [20, 'in 20 s'],
    [61, 'in 2 min'],
    [720, 'in 12 min'],
    [7200, 'in 2 h'],
  ])('%d seconds is %s', (seconds, text) => {
    expect(until(after(seconds), NOW)).toBe(text)
  })
})

describe('browserName', () => {
  it.each([
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux'],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36 Edg/150.0', 'Edge on Windows'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 Version/26.0 Mobile/15E148 Safari/604.1', 'Safari on iPhone'],
    ['curl/8.1', 'curl/8.1'],
    ['', 'Unknown browser'],
  ])('of %s', (userAgent, name) => {
    expect(browserName(userAgent)).toBe(name)
  })
})

describe('plainLine', () => {
  it('drops colours and links', () => {
    expect(plainLine('\u001b[1;32mready\u001b[0m \u001b]8;;http://x\u0007here\u001b]8;;\u0007')).toBe('ready here')
  })

  it('shows of an overwritten line what was written last', () => {
    expect(plainLine('Receiving objects:  10%\rReceiving objects: 100%\r\n')).toBe('Receiving objects: 100%')
  })
})

describe('sentence', () => {
  it.each([
    ['stops in 12 min', 'Stops in 12 min'],
    ['kept: terminal is running npm test', 'Kept: terminal is running npm test'],
    ['élan vital', 'Élan vital'],
    ['starting', 'Starting'],
    ['https://git.example.com/shop is private', 'https://git.example.com/shop is private'],
    ['git@example.com:shop is private', 'git@example.com:shop is private'],
    ['example.com/shop is private', 'example.com/shop is private'],
    ['/srv/data is full', '/srv/data is full'],
    ['', ''],
  ])('begins %j as %j', (text, begun) => {
    expect(sentence(text)).toBe(begun)
  })
})
