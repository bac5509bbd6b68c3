import { TamperError } from '../errors.ts';
import { optionNamed } from './names.ts';
import { checkSetting, type Setting, unknownOption } from './setting.ts';

/**
 * The options that a program sets. A member whose value is undefined is not set.
 *
 * @throws CONFIG_UNKNOWN_OPTION, CONFIG_INVALID
 */
export function settingsOfCode(options: unknown, placeOf: (spelling: string) => string = () => 'code'): Setting[] {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TamperError('CONFIG_INVALID', 'the options must be an object', {
      hint: "For example { file: 'audit.jsonl', keySource: 'env' }",
    });
  }
  const settings: Setting[] = [];
  for (const [spelling, value] of Object.entries(options)) {
    const name = optionNamed(spelling, (one) => one);
    const place = placeOf(spelling);
    if (name === undefined) throw unknownOption(spelling, place, (one) => one);
    if (value === undefined) continue;
    const setting = { name, value: value as unknown, spelling, place };
    checkSetting(setting);
    settings.push(setting);
  }
  return settings;
}
