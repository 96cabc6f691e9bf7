import type { Template, TemplateParameter } from '@/api/model'
import { Checkbox, Field, Input, Select } from '@/components/ui/field'

import { answers, type Problems } from './form'

interface TemplateFieldsProps {
  template: Template
  typed: Record<string, string>
  onChange: (typed: Record<string, string>) => void
  problems: Problems
}

/** The inputs for a template's parameters. */
export function TemplateFields({ template, typed, onChange, problems }: TemplateFieldsProps) {
  const values = answers(template, typed)
  return template.parameters.map((parameter) => (
    <Parameter
      key={parameter.name}
      parameter={parameter}
      value={values[parameter.name] ?? ''}
      error={problems[`parameters.${parameter.name}`]}
      onChange={(value) => onChange({ ...typed, [parameter.name]: value })}
    />
  ))
}

interface ParameterProps {
  parameter: TemplateParameter
  value: string
  error: string | undefined
  onChange: (value: string) => void
}

function Parameter({ parameter, value, error, onChange }: ParameterProps) {
  const { title, description, type, choices, required } = parameter
  if (type === 'boolean') {
    return (
      <Checkbox
        label={title}
        hint={description}
        checked={value === 'true'}
        onChange={(event) => onChange(String(event.target.checked))}
      />
    )
  }
  return (
    <Field label={title} hint={description} error={error} optional={type === 'string' && !required}>
      {(control) =>
        type === 'choice' ? (
          <Select {...control} value={value} onChange={(event) => onChange(event.target.value)}>
            {choices.map((choice) => (
              <option key={choice}>{choice}</option>
            ))}
          </Select>
        ) : (
          <Input
            {...control}
            required={required}
            value={value}
            onChange={(event) => onChange(event.target.value)}
            autoComplete="off"
            spellCheck={false}
          />
        )
      }
    </Field>
  )
}
