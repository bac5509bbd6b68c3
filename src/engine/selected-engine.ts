import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isError, TamperError } from '../errors.ts';
import { ENGINE_VARIABLE, engineChoice } from '../foundation/engine-choice.ts';
import type { Engine, EngineName } from './engine.ts';
import { loadBinding, NativeEngine } from './native-engine.ts';
import type { NativePlace, NativePlaces } from './native-place.ts';
import { typescriptEngine } from './typescript-engine.ts';

/** The engine of this process, and why it is that one. */
export interface SelectedEngine {
  readonly engine: Engine;
  /** The file that a native one was loaded from, or why there is none. */
  readonly about: string;
}

let selected: SelectedEngine = { engine: typescriptEngine, about: 'no engine was asked for yet' };
let selecting: Promise<SelectedEngine> | undefined;

/** The engine of this process: the one in TypeScript until {@link selectEngine} has found another. */
export function selectedEngine(): Engine {
  return selected.engine;
}

/**
 * Selects the engine of this process as `FAPILOG_TAMPER_ENGINE` says, once.
 *
 * @throws {@link TamperError} `CONFIG_INVALID` for another value than `auto`, `native` and `typescript`, and
 *   `DEPENDENCY_MISSING` for `native` where there is none
 */
export function selectEngine(): Promise<SelectedEngine> {
  selecting ??= select().then((found) => {
    selected = found;
    return found;
  });
  return selecting;
}

/** Which engine it is, in words: its name, and the file it was loaded from or why it is not the native one. Throws as {@link selectEngine}. */
export async function engineInUse(): Promise<{ readonly name: EngineName; readonly about: string }> {
  const { engine, about } = await selectEngine();
  return { name: engine.name, about };
}

async function select(): Promise<SelectedEngine> {
  const choice = engineChoice(process.env);
  if (choice === 'typescript') {
    return { engine: typescriptEngine, about: `${ENGINE_VARIABLE} asks for it` };
  }
  const found = firstOf(await placesHere());
  if (found.engine.name === 'typescript' && choice === 'native') {
    throw new TamperError('DEPENDENCY_MISSING', `${ENGINE_VARIABLE} asks for a native engine: ${found.about}`, {
      hint: `Install the package for this machine without --omit=optional, or unset ${ENGINE_VARIABLE}.`,
    });
  }
  return found;
}

/** Where native engines may be, or why that cannot be said. */
async function placesHere(): Promise<NativePlaces | string> {
  try {
    const { nativePlaces } = await import('./native-place.ts');
    return nativePlaces() ?? 'a bundle has no native one';
  } catch (error) {
    // CommonJS was made of our modules: each tool that does so refuses this one in words of its own
    if (isError(error)) return `cannot look for a native one: ${error.message.split('\n')[0]}`;
    throw error;
  }
}

/** The first native engine that can be loaded and has the right version, or the one in TypeScript, and why. */
function firstOf(found: NativePlaces | string): SelectedEngine {
  if (typeof found === 'string') return { engine: typescriptEngine, about: found };
  const refused: string[] = [];
  for (const place of found.places) {
    try {
      const why = whyNot(place, found.version);
      if (why === undefined) {
        const binding = loadBinding(place.file);
        if (binding.version() === found.version)
          return { engine: new NativeEngine(binding, typescriptEngine), about: place.file };
        refused.push(`${place.file} is of version ${binding.version()}, not ${found.version}`);
      } else refused.push(`${place.file} ${why}`);
    } catch (error) {
      if (!isError(error)) throw error;
      refused.push(`${place.file} cannot be loaded: ${error.message}`);
    }
  }
  if (refused.length === 0) refused.push(`${found.packages.join(' or ')} is not installed`);
  return { engine: typescriptEngine, about: refused.join('; ') };
}

/** Why a native module must not even be loaded: it runs as it is loaded, and part of one ends the process. */
function whyNot({ file, bringer }: NativePlace, version: string): string | undefined {
  if (bringer === undefined) return undefined;
  if (bringer.version !== version) return `is of version ${bringer.version}, not ${version}`;
  if (!bringer.sha256) return 'is not one that this package names with its SHA-256';
  if (bringer.sha256 === hash('sha256', readFileSync(file), 'hex')) return undefined;
  return 'is not the one of the release: it has another SHA-256 than this package names';
}
