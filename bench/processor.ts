import { existsSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'

const said = (text: string, field: string): string | undefined =>
  new RegExp(`^${field}\\s*: (.+)$`, 'm').exec(text)?.[1]

/**
 * The processor by name and, where Linux says them, family and model: virtual machines give processors of different
 * generations one name.
 */
export function processor(): string {
  const [name, info] = [cpus()[0].model.trim(), '/proc/cpuinfo']
  if (!existsSync(info)) return name
  const text = readFileSync(info, 'utf8')
  const [family, model] = [said(text, 'cpu family'), said(text, 'model')]
  return family && model ? `${name} (family ${family}, model ${model})` : name
}
