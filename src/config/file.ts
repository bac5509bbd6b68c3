import { closeSync, readSync } from 'node:fs';
import { isMap, isPair, isScalar, isSeq, LineCounter, type Node, type Pair } from 'yaml';
import { isError, TamperError } from '../errors.ts';
import { openRegularSync } from '../foundation/regular-file.ts';
import { fileName, optionNamed } from './names.ts';
import { hideSecrets, isSecretOption } from './schema.ts';
import { type ConfigFile, checkSetting, type Setting, unknownOption } from './setting.ts';
import { readPlainYaml } from './yaml.ts';

const maxBytes = 65_536;

/**
 * Reads the options that a YAML 1.2 or JSON file sets (JSON when its name ends in `.json`): one map of scalars, and lists of
 * texts. Duplicate keys, aliases, tags and several documents are errors, with their line. In a module of its own, because
 * the YAML parser takes 35 ms to load.
 *
 * @throws CONFIG_UNREADABLE, CONFIG_INVALID, CONFIG_UNKNOWN_OPTION
 */
export function readConfigFile(path: string): ConfigFile {
  const text = read(path);
  if (path.endsWith('.json')) checkJson(path, text);
  const lines = new LineCounter();
  const document = readPlainYaml(text, lines);
  if ('code' in document) {
    const { code, line, problem } = document;
    throw invalid(path, line, code === 'DUPLICATE_KEY' ? 'this option appears twice' : problem);
  }
  const root: unknown = document.contents;
  if (root === null || (isScalar(root) && root.value === null)) return { path, settings: [] };
  if (!isMap(root)) throw invalid(path, 1, 'the file must be a map of options');
  return { path, settings: root.items.map((pair) => settingOf(path, lines, pair)) };
}

function read(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readRegular(path);
  } catch (cause) {
    if (cause instanceof TamperError) throw cause;
    const reason = isError(cause) ? cause.message : String(cause);
    throw new TamperError('CONFIG_UNREADABLE', `cannot read the configuration file ${path}: ${reason}`, {
      cause,
      hint: 'Check the path, and that you may read the file',
    });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new TamperError('CONFIG_INVALID', `${path} is not UTF-8`, { cause, hint: 'Save it as UTF-8' });
  }
}

function readRegular(path: string): Buffer {
  const { fd } = openRegularSync(path);
  try {
    const bytes = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (let count = 1; count > 0 && length < bytes.length; length += count) {
      count = readSync(fd, bytes, length, bytes.length - length, null);
    }
    if (length > maxBytes) {
      throw new TamperError(
        'CONFIG_INVALID',
        `${path} is larger than ${maxBytes} bytes: this is not a configuration file`,
      );
    }
    return bytes.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}

/** The parser's own error is not kept: it quotes the file, which may hold a credential. */
function checkJson(path: string, text: string): void {
  try {
    JSON.parse(text);
  } catch (error) {
    const at = isError(error) ? /position (\d+)/.exec(error.message)?.[1] : undefined;
    const line = at === undefined ? undefined : text.slice(0, Number(at)).split('\n').length;
    throw invalid(path, line, 'this is not JSON');
  }
}

function invalid(path: string, line: number | undefined, problem: string): TamperError {
  return new TamperError('CONFIG_INVALID', `${line === undefined ? path : `${path}:${line}`}: ${problem}`, {
    hint: 'The file must be a single map of options, such as "key_id: audit"; see docs/configuration.md',
  });
}

function settingOf(path: string, lines: LineCounter, pair: unknown): Setting {
  const key: unknown = isPair(pair) ? pair.key : undefined;
  const node: unknown = isPair(pair) ? pair.value : undefined;
  if (!isScalar(key) || typeof key.value !== 'string') throw invalid(path, 1, 'an option name must be text');
  const line = lines.linePos((key as Node).range?.[0] ?? 0).line;
  const place = `file ${path}:${line}`;
  const name = optionNamed(key.value, fileName);
  if (name === undefined) throw unknownOption(key.value, place, fileName);
  const value = readValue(path, line, node, key.value, name === 'keyProviderOptions');
  const setting = { name, value, spelling: key.value, place };
  checkSetting(setting);
  return isSecretOption(name) ? hideSecrets(setting, () => ({ ...setting, value: '[redacted]' })) : setting;
}

function readValue(path: string, line: number, node: unknown, option: string, mapAllowed = false): unknown {
  if (isScalar(node)) {
    if (node.value === null) throw invalid(path, line, `option ${option} has no value`);
    return node.value;
  }
  if (isSeq(node)) return node.items.map((item) => readValue(path, line, item, option));
  if (isMap(node) && mapAllowed)
    return Object.fromEntries(node.items.map((pair) => memberOf(path, line, pair, option)));
  throw invalid(path, line, `option ${option} must be a plain value or a list`);
}

function memberOf(path: string, line: number, { key, value }: Pair, option: string): [string, unknown] {
  if (!isScalar(key) || typeof key.value !== 'string') throw invalid(path, line, `a name in ${option} must be text`);
  return [key.value, readValue(path, line, value, option, true)];
}
