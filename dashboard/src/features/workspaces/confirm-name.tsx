import { Field, Input } from '@/components/ui/field'

interface ConfirmNameProps {
  name: string
  typed: string
  onChange: (typed: string) => void
}

/** Asks for the name of what will be deleted. */
export function ConfirmName({ name, typed, onChange }: ConfirmNameProps) {
  return (
    <Field
      label={
        <>
          Type <strong className="font-mono font-semibold">{name}</strong> to confirm
        </>
      }
    >
      {(control) => (
        <Input
          {...control}
          value={typed}
          onChange={(event) => onChange(event.target.value)}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          autoFocus
        />
      )}
    </Field>
  )
}
