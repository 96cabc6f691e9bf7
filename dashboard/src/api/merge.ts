/** Pure changes of the cached list of workspaces, which is always in order of name. */
import type { Workspace } from './model'

export function sorted(workspaces: readonly Workspace[]): Workspace[] {
  return [...workspaces].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The list with `workspace` added or replaced; rows that did not change stay the same objects. */
export function withWorkspace(list: readonly Workspace[], workspace: Workspace): Workspace[] {
  const at = list.findIndex((each) => each.name === workspace.name)
  return at === -1 ? sorted([...list, workspace]) : list.with(at, workspace)
}

export function withoutWorkspace(list: readonly Workspace[], name: string): Workspace[] {
  return list.filter((each) => each.name !== name)
}

/** The list with only those in `names`: what the server still has after the stream was cut. */
export function onlyNamed(list: readonly Workspace[], names: ReadonlySet<string>): Workspace[] {
  return list.every((each) => names.has(each.name)) ? [...list] : list.filter((each) => names.has(each.name))
}
