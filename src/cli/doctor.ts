import { isTamperError, TamperError } from '../errors.ts';
import type { DoctorCheck } from '../index.ts';
import {
  checkKeysOf,
  checkPlaces,
  engineInUse,
  fileName,
  isSecretOption,
  modeOf,
  optionNames,
  type Resolution,
  shown,
} from '../internal.ts';
import { type Command, command, resolveCall } from './command.ts';
import { engineText } from './engine-text.ts';
import { exitCode } from './exit-code.ts';
import { oneOf, text, yes } from './flags.ts';
import { jsonText, print, printable } from './output.ts';

interface OptionRow {
  readonly option: string;
  readonly value: unknown;
  readonly from: string;
}

/** `fapilog-tamper doctor` */
export const doctor: Command = command(
  {
    usage: '[--config FILE] [--verbose] [--format text|json]',
    examples: ['% --config fapilog.yaml', '% --key-source aws-kms --key-id alias/audit --format json'],
    about: [
      'Checks whether the log and its state can be written, uses each key once, tests what the key service allows, and ends with what to do first. Exit code 0: all tests passed; 1: a test failed; 2: a test could not be carried out. With --verbose it also shows the value of each option and where it came from.',
    ],
    flags: {
      config: text('FILE', 'a YAML or JSON file of options (default: FAPILOG_TAMPER_CONFIG)'),
      format: oneOf(['text', 'json'], 'output format'),
      verbose: yes('also show every option, where its value came from, and the engine'),
    },
    takesConfig: true,
  },
  async (call, io) => {
    const { format, verbose } = call.flags;
    if (call.positionals.length > 0) throw new TamperError('USAGE', 'doctor takes only flags, no other arguments');
    const resolution = await resolveCall(call, io);
    const checks = [...checkPlaces(resolution.config), ...(await checksOf(resolution))];
    const rows = optionRows(resolution);
    const mode = modeOf(resolution.config).name;
    const { warnings } = resolution;
    await print(
      io.stdout,
      format === 'json'
        ? `${jsonText({ mode, engine: await engineInUse(), options: rows, warnings, checks })}\n`
        : [
            ...(verbose ? [...optionLines(rows), ''] : []),
            `mode: ${mode}`,
            ...(verbose ? [await engineText()] : []),
            '',
            ...warnings.map((text) => `warning  ${text}`),
            ...checks.flatMap(checkLines),
            '',
            ...summaryLines(checks, warnings.length),
            '',
          ].join('\n'),
    );
    if (checks.some(({ outcome }) => outcome === 'failed')) return exitCode.finding;
    return checks.some(({ outcome }) => outcome === 'unknown') ? exitCode.undecided : exitCode.done;
  },
);

async function checksOf({ config }: Resolution): Promise<readonly DoctorCheck[]> {
  try {
    return await checkKeysOf(config);
  } catch (error) {
    if (!isTamperError(error, 'DEPENDENCY_MISSING')) throw error;
    return [{ name: 'provider', outcome: 'failed', detail: `${error.code}: ${error.message}` }];
  }
}

function optionRows({ config, places }: Resolution): OptionRow[] {
  return optionNames.flatMap((name) => {
    const from = places.get(name);
    const value = isSecretOption(name) ? '[redacted]' : shownValue(config[name]);
    return from === undefined ? [] : [{ option: fileName(name), value, from }];
  });
}

/** A key that stands in the wrong place is not shown, nor what follows the path of an address. */
function shownValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shownValue);
  return typeof value === 'string' ? shown(value.replace(/^(https?:[^?#]*)[?#].*$/is, '$1?…')) : value;
}

function optionLines(rows: readonly OptionRow[]): string[] {
  const shown = rows.map(({ option, value, from }) => [
    option,
    printable(Array.isArray(value) ? value.join(', ') : String(value)),
    from,
  ]);
  const width = (column: number): number => Math.max(...shown.map((row) => row[column]?.length ?? 0));
  const [first, second] = [width(0), Math.min(width(1), 60)];
  return shown.map(
    ([option = '', value = '', from = '']) => `${option.padEnd(first)}  ${value.padEnd(second)}  ${from}`,
  );
}

function checkLines({ name, outcome, detail, hint }: DoctorCheck): string[] {
  const line = `${outcome.padEnd(7)}  ${name}: ${printable(detail)}`;
  return hint === undefined ? [line] : [line, `         hint: ${printable(hint)}`];
}

/** How many there are of each outcome, and the one thing to do next. */
function summaryLines(checks: readonly DoctorCheck[], warnings: number): string[] {
  const count = (outcome: DoctorCheck['outcome']): number => checks.filter((one) => one.outcome === outcome).length;
  const counts = [
    [count('failed'), 'failed'],
    [count('unknown'), 'could not be carried out'],
    [count('warning') + warnings, count('warning') + warnings === 1 ? 'warning' : 'warnings'],
    [count('ok'), 'ok'],
  ] as const;
  const first = (['failed', 'unknown'] as const)
    .map((outcome) => checks.find((one) => one.outcome === outcome))
    .find((one) => one !== undefined);
  const said = counts.flatMap(([number, what]) => (number > 0 ? [`${number} ${what}`] : [])).join(', ');
  if (first === undefined) return [`Ready: ${said}.`];
  return [`Not ready: ${said}.`, `First: ${first.name}: ${printable(first.hint ?? first.detail)}`];
}
