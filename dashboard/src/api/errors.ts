import type { Problem } from './model'

/** The API's own answer that something is wrong (RFC 9457). */
export class ApiError extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail)
    this.name = 'ApiError'
    this.problem = problem
  }

  get status(): number {
    return this.problem.status
  }

  get code(): string {
    return this.problem.code
  }
}

/** No answer at all, or one that isn't the server's own. */
export class UnreachableError extends Error {
  constructor() {
    super('The server does not answer. Check that it runs (vibecode status), then try again.')
    this.name = 'UnreachableError'
  }
}

/** One sentence for a person, whatever was thrown. */
export function explain(error: unknown): string {
  if (error instanceof ApiError || error instanceof UnreachableError) return error.message
  return 'Something went wrong in this page. Reload it; if it happens again, look at vibecode status.'
}

export function isStatus(error: unknown, status: number): boolean {
  return error instanceof ApiError && error.status === status
}

/** The input that a problem is about, as the API spells it: `name`, `source.url`; null when it names none. */
export function problemField(error: unknown): string | null {
  return error instanceof ApiError ? (error.problem.field ?? null) : null
}
