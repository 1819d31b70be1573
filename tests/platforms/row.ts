import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Report } from './conformance.js'
import type { Fixture } from './fixture.js'

/** A place, a bundler or an example to be tried. */
export interface Row {
  readonly name: string
  /** What it takes from npm besides the packed library. */
  readonly packages?: Readonly<Record<string, string>>
  /** What is tried, in a folder of its own with all of that installed. */
  run(lab: Lab): Promise<Outcome>
}

export interface Outcome {
  /** Of what it was tried with. */
  readonly version: string
  readonly report: Report
}

/** What rows get to work with. */
export interface Lab {
  readonly folder: string
  readonly fixture: Fixture
  /** Serves `small.onnx`, and whatever else is put into `site`. */
  readonly origin: string
  readonly site: string
  /** The list of conformance.ts as a module without imports. */
  readonly conformance: string
  /** The packed library. */
  readonly tarball: string
}

/** Thrown by a row that cannot be tried here. */
export class Skipped extends Error {}

/** Puts packages and the packed library into a folder; packages that are there already are left as they are. */
export function install(folder: string, packages: Readonly<Record<string, string>>, tarball: string): void {
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  const manifest = { private: true, type: 'module', dependencies: packages }
  const text = JSON.stringify(manifest, undefined, 2)
  const file = join(folder, 'package.json')
  const done = join(folder, 'node_modules/.installed')
  if (Object.keys(packages).length > 0 && !(existsSync(done) && readFileSync(done, 'utf8') === text)) {
    writeFileSync(file, text)
    npmInstall(folder)
    writeFileSync(done, text)
  }
  writeFileSync(file, text)
  unpack(folder, tarball)
}

/** @throws Skipped if the registry cannot be reached. */
function npmInstall(folder: string): void {
  try {
    execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', '--prefer-offline', '--no-package-lock'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: 'pipe',
    })
  } catch (error) {
    throw new Skipped(`npm install: ${(error as { stderr?: string }).stderr?.split('\n')[0] ?? String(error)}`)
  }
}

/** The library depends on nothing: what npm does is to unpack it. */
export function unpack(folder: string, tarball: string): void {
  const place = join(folder, 'node_modules/lanewise')
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place, { recursive: true })
  execFileSync('tar', ['-xzf', tarball, '-C', place, '--strip-components=1'])
}

/** The version of a package that was installed. */
export function versionOf(folder: string, name: string): string {
  const { version } = JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')) as {
    version: string
  }
  return version
}

/** A package out of a row's folder. */
export async function load<T>(folder: string, name: string): Promise<T> {
  const require = createRequire(join(folder, 'package.json'))
  return (await import(pathToFileURL(require.resolve(name)).href)) as T
}

/** A string in a file of JavaScript. */
export function write(folder: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
}

/** Runs a program to its end. @returns what it printed. @throws with what it wrote to its standard error. */
export function command(
  program: string,
  args: readonly string[],
  folder: string,
  { timeout = 240_000, env = {} }: { timeout?: number; env?: Record<string, string> } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: folder, timeout, env: { ...process.env, ...env } })
    let out = ''
    let errors = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve(out)
      // Some programs fetch a part of themselves when they are first asked for it.
      else if (/dns error|ENOTFOUND|EAI_AGAIN/.test(errors)) reject(new Skipped('it downloads what is not on npm'))
      else
        reject(
          new Error(`${program} ${args.join(' ')} ended with ${code ?? signal}: ${(errors || out).slice(0, 3000)}`),
        )
    })
  })
}

/** What a program has printed after "ANSWER ". */
export function answerIn<T>(output: string): T {
  const line = output.split('\n').find((text) => text.includes('ANSWER '))
  if (!line) throw new Error(`no answer in: ${output.slice(-500)}`)
  return JSON.parse(line.slice(line.indexOf('ANSWER ') + 7)) as T
}
