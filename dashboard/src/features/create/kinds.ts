export const CREATE_KINDS = ['blank', 'git', 'template'] as const
export type CreateKind = (typeof CREATE_KINDS)[number]

/** The search parameters of `/`: the create dialog can be linked to, with a repository filled in. */
export interface CreateSearch {
  new?: CreateKind
  /** Git URL to fill in. */
  git?: string
  branch?: string
  /** Template to choose. */
  template?: string
}

export function createSearch(raw: Record<string, unknown>): CreateSearch {
  const kind = CREATE_KINDS.find((each) => each === raw.new)
  if (!kind) return {}
  const search: CreateSearch = { new: kind }
  for (const key of ['git', 'branch', 'template'] as const) {
    const value = raw[key]
    if (typeof value === 'string' && value) search[key] = value
  }
  return search
}
