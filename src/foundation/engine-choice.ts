import { TamperError } from '../errors.ts';

/** The variable that says which engine is used. */
export const ENGINE_VARIABLE = 'FAPILOG_TAMPER_ENGINE';

const choices = ['auto', 'native', 'typescript'] as const;

/** `auto`: the native one where it is installed and fits, else the one in TypeScript. */
export type EngineChoice = (typeof choices)[number];

/**
 * What {@link ENGINE_VARIABLE} says; `auto` where it is unset or empty.
 *
 * @throws {@link TamperError} `CONFIG_INVALID` for any other value
 */
export function engineChoice(env: Readonly<Record<string, string | undefined>>): EngineChoice {
  const text = env[ENGINE_VARIABLE] ?? '';
  const choice = text === '' ? 'auto' : choices.find((one) => one === text);
  if (choice !== undefined) return choice;
  throw new TamperError('CONFIG_INVALID', `${ENGINE_VARIABLE} is neither auto, native nor typescript`, {
    hint: `Unset ${ENGINE_VARIABLE}, or set it to one of these.`,
  });
}
