import createClient from 'openapi-fetch'

import { connection } from '@/lib/connection'

import { ApiError, UnreachableError } from './errors'
import type { Problem } from './model'
import type { paths } from './schema'

/** Typed by the OpenAPI document; each call goes through {@link unwrap}. */
export const http = createClient<paths>({
  baseUrl: location.origin,
  credentials: 'same-origin',
  // Looked up at each call, so that tests can replace it.
  fetch: (request) => fetch(request),
})

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/**
 * The data of an answer.
 *
 * @throws ApiError when the server refuses, UnreachableError when there is no answer of the server's.
 */
export async function unwrap<T>(call: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>
  try {
    answer = await call
  } catch {
    connection.lost()
    throw new UnreachableError()
  }
  const { response } = answer
  if (response.ok) {
    connection.answered()
    return answer.data as T
  }
  if (isProblem(answer.error)) {
    connection.answered()
    if (response.status === 401) connection.signedOut()
    throw new ApiError(answer.error)
  }
  if (response.status >= 502) {
    connection.lost()
    throw new UnreachableError()
  }
  throw new ApiError({
    type: 'about:blank',
    title: response.statusText,
    status: response.status,
    detail: `The server answered with an error (${response.status}). Its log says more: vibecode status shows where it is.`,
    code: 'unexpected',
  })
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'detail' in value && 'status' in value && 'code' in value
}
