import { Field, Input, Select } from '@/components/ui/field'
import { duration } from '@/lib/format'
import { IDLE_CHOICES, type IdleInput, MAX_IDLE_MINUTES, MIN_IDLE_MINUTES } from '@/lib/idle'

interface IdleFieldProps {
  value: IdleInput
  onChange: (value: IdleInput) => void
  error?: string | null
  /** Seconds that the operator chose as default, if that is to be marked. */
  standard?: number | null
}

export function IdleField({ value, onChange, error = null, standard }: IdleFieldProps) {
  const isCustom = value.choice === 'custom'
  const mark = (seconds: number | null) => (standard === seconds ? ' (default)' : '')
  return (
    <div className="grid grid-cols-[minmax(0,1fr)_8rem] gap-x-3">
      <div className={isCustom ? '' : 'col-span-2'}>
        <Field
          label="Stop when idle"
          error={isCustom ? null : error}
          hint={
            value.choice === 'never'
              ? 'It runs, and uses memory, until somebody stops it.'
              : 'Idle means: nobody types or clicks, and no command, task or debug session is at work.'
          }
        >
          {(control) => (
            <Select
              {...control}
              value={value.choice}
              onChange={(event) => onChange({ choice: event.target.value, minutes: value.minutes || '45' })}
            >
              {IDLE_CHOICES.map((minutes) => (
                <option key={minutes} value={minutes}>
                  After {duration(minutes * 60)}
                  {mark(minutes * 60)}
                </option>
              ))}
              <option value="custom">After another time…</option>
              <option value="never">Never{mark(null)}</option>
            </Select>
          )}
        </Field>
      </div>
      {isCustom && (
        <Field label="Minutes" error={error}>
          {(control) => (
            <Input
              {...control}
              type="number"
              inputMode="numeric"
              min={MIN_IDLE_MINUTES}
              max={MAX_IDLE_MINUTES}
              value={value.minutes}
              onChange={(event) => onChange({ ...value, minutes: event.target.value })}
            />
          )}
        </Field>
      )}
    </div>
  )
}
