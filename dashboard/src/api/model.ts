/** The names under which the rest of the dashboard knows the API's types. */
import type { components } from './schema'

type Schemas = components['schemas']

export type Workspace = Schemas['Workspace']
export type WorkspacePage = Schemas['WorkspacePage']
export type Status = Workspace['status']
export type Source = NonNullable<Workspace['source']>
export type NewWorkspace = Schemas['NewWorkspace']
export type Me = Schemas['Me']
export type User = Schemas['User']
export type NewUser = Schemas['NewUser']
export type Session = Schemas['Session']
export type Template = Schemas['Template']
export type TemplateParameter = Schemas['TemplateParameter']
export type LoginLink = Schemas['LoginLink']
export type WorkspaceEvent = Schemas['Event']
export type Port = Schemas['Port']
export type LogLine = Schemas['LogLine']
export type Problem = Schemas['Problem']
