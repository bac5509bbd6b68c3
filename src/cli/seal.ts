import { once } from 'node:events';
import { isTamperError, TamperError } from '../errors.ts';
import type { ResolvedConfig, Sealer, SealerStats } from '../index.ts';
import { createSealerFor, openPlainWriter, shown } from '../internal.ts';
import { type Call, type Command, type CommandIo, command, resolveCall } from './command.ts';
import { withoutTyped } from './error-text.ts';
import { exitCode } from './exit-code.ts';
import { text, yes } from './flags.ts';
import { InputLines } from './input/input-lines.ts';
import { recordKeyEvents } from './key-events.ts';
import { print, printable, tell, writeAll } from './output.ts';
import { type Progress, progressOn } from './progress.ts';
import { leftBehindText, readsInput } from './uncaught.ts';

const program = 'fapilog-tamper';

const flags = {
  config: text('FILE', 'a YAML or JSON file of options (default: FAPILOG_TAMPER_CONFIG)'),
  out: text('FILE', 'where the log goes (sets the option file); - is standard output'),
  'key-events': text('FILE', 'append one JSON object per key use to this file'),
  quiet: yes('print nothing but errors on standard error'),
};

/** `fapilog-tamper seal` */
export const seal: Command = command(
  {
    usage: '[--config FILE] [--out FILE|-] [--origin NAME] [--tee] [--key-events FILE] [--quiet]',
    examples: [
      'node app.mjs | % --out /var/log/app/audit.jsonl --origin audit.example.com/app',
      '% --config fapilog.yaml < app.log',
      'node app.mjs | % --key-source vault --vault-path transit/keys/audit --out - --origin audit.example.com/app',
    ],
    about: [
      'Seals standard input, line by line, into a file or to standard output, until the input ends or SIGINT or SIGTERM arrives. After a signal it keeps reading for at most 2 seconds. It seals everything it has read, closes the log and signs it before it exits, waiting at most 3 seconds for the signature. On SIGHUP it continues in a new file if logrotate has renamed the current one.',
    ],
    flags,
    options: {
      '--origin NAME': 'the name of the stream; the auditor will need it',
      '--tee': 'also copy each line, unchanged, to standard output',
    },
    takesConfig: true,
  },
  async (call, io) => {
    if (call.positionals.length > 0) {
      throw new TamperError('USAGE', 'seal takes no file: it reads standard input', {
        hint: `For example: fapilog-tamper seal --out FILE < ${printable(shown(call.positionals[0] ?? ''))}`,
      });
    }
    const { config, warnings } = await resolveCall(withOut(call), io);
    const toTerminal = io.stdout.isTTY === true && (config.tee || config.file === '-');
    const progress = progressOn(call.flags.quiet || toTerminal ? undefined : io.stderr, 'sealing');
    const say: Say = async (text) => {
      progress.end();
      if (call.flags.quiet) return;
      await tell(io.stderr, `${program}: ${printable(withoutTyped(text, [config.file]))}\n`);
    };
    const warn = async ({ code, message }: TamperError): Promise<void> => say(`warning: ${code}: ${message}`);
    for (const warning of warnings) await say(`warning: ${warning}`);
    const { 'key-events': keyEvents } = call.flags;
    const stopped = io.stopped();
    const input = new InputLines(io.inputBytes(), stopped);
    readsInput();
    let forget: (() => Promise<void>) | undefined;
    try {
      if (keyEvents !== undefined) forget = await recordKeyEvents(keyEvents, (error) => void warn(error));
      await (config.enabled
        ? sealInput({ input, config, io, say, stopped, progress })
        : passThrough(input, config, io, say));
    } finally {
      progress.end();
      const taken = input.leftBehind;
      if (taken !== undefined) await tell(io.stderr, leftBehindText(taken)); // with --quiet too: its producer has to write it again
      input.close();
      await forget?.();
    }
    return exitCode.done;
  },
);

/** `--out` is the option `file` under the name that people expect. */
function withOut(call: Call<typeof flags>): Call<typeof flags> {
  const { out } = call.flags;
  if (out === undefined) return call;
  if (call.config.file !== undefined) throw new TamperError('USAGE', '--out and --file mean the same: give only one');
  return { ...call, config: { ...call.config, file: out } };
}

/**
 * How long the end of a short input waits for the first key, in milliseconds: it may be over before any key can come, and
 * before the lock of a writer has ended that died on another machine (10 seconds).
 */
const firstKeyMs = 20_000;

/** Whether `promise` resolves within `ms`. The timer keeps the process alive: there is something to wait for. */
async function within(promise: Promise<boolean>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** @param before - what the sealer said while it waited: its end has other errors */
function nothingSealed(before: SealerStats, { kept, uncounted }: SealerStats): TamperError {
  const { origin, waitsFor, lastError } = before;
  const why = lastError?.message ?? (waitsFor === 'lock' ? 'another writer may hold its lock' : 'no key was obtained');
  return new TamperError('TIMEOUT', `nothing could be sealed for ${origin} in time: ${why}`, {
    hint:
      kept > 0 && uncounted === 0
        ? 'The lines are kept in the state directory and sealed at the next start.'
        : 'Remove the cause, then give the lines again.',
  });
}

/** A refusal is no absence. */
function whatFails(error: Error): string {
  return isTamperError(error) && !error.retryable ? 'the keys cannot be used' : 'the key service is unreachable';
}

/** After a stop: how long a reader or a disk that takes nothing is waited for, in milliseconds. */
const patienceMs = 1_500;

/**
 * Waits until the sealer takes more; it throws what is an error of the sealer.
 *
 * @returns false where it takes nothing after a stop: what was not read yet is not ours
 */
async function drained(sealer: Sealer, stop: AbortSignal): Promise<boolean> {
  for (let signal = stop; ; signal = AbortSignal.timeout(patienceMs)) {
    try {
      await once(sealer, 'drain', { signal });
      return true;
    } catch (error) {
      if (!signal.aborted) throw error;
      if (signal !== stop) return false;
    }
  }
}

/** How often to look whether a slow reader has taken more, in milliseconds. */
const lookMs = 20;

/** Waits, as any filter does, until whoever reads the log from a pipe has taken all of it. */
async function readerCaughtUp(sealer: Sealer, isOver: () => boolean): Promise<void> {
  for (;;) {
    const { waitsFor } = sealer.stats;
    if (isOver() || (waitsFor !== 'reader' && waitsFor !== 'turn')) return;
    await new Promise((resolve) => setTimeout(resolve, waitsFor === 'turn' ? 0 : lookMs));
  }
}

type Say = (text: string) => Promise<void>;

function linesText(count: number): string {
  return count === 1 ? '1 line' : `${count} lines`;
}

async function passThrough(input: InputLines, config: ResolvedConfig, io: CommandIo, say: Say): Promise<void> {
  const writer = await openPlainWriter(config);
  await say(`warning: enabled is false: lines are written to ${writer.file} but not sealed`);
  try {
    for (let lines = await input.next(); lines !== undefined; lines = await input.next()) {
      await writer.write(lines.bytes);
      if (config.tee) await writeAll(io.stdout, lines.bytes);
    }
  } finally {
    await writer.close();
  }
}

interface Sealing {
  readonly input: InputLines;
  readonly config: ResolvedConfig;
  readonly io: CommandIo;
  readonly say: Say;
  readonly stopped: Promise<void>;
  readonly progress: Progress;
}

async function sealInput({ input, config, io, say, stopped, progress }: Sealing): Promise<void> {
  const sealer = createSealerFor(config);
  sealer.on('error', (error) => input.fail(error));
  sealer.on('warning', ({ code, message }) => void say(`warning: ${code}: ${message}`));
  sealer.on('kept', ({ lines, lost, file }) => {
    const kept = `${linesText(lines)} could not be sealed and will be sealed at the next start; kept in ${file}`;
    const counted = `${linesText(lost)}${lines > 0 ? ' more' : ''} could not be kept and will only be counted`;
    const parts = [...(lines > 0 ? [kept] : []), ...(lost > 0 ? [counted] : [])];
    void say(`warning: ${parts.join('; ')}`);
  });
  sealer.on(
    'torn',
    ({ bytes, file }) =>
      void say(`warning: ${bytes} bytes at the end of the log that were never sealed were moved to ${file}`),
  );
  sealer.on('outage', ({ error }) => {
    const goesOn = sealer.stats.keyId === undefined ? 'lines wait for the first key' : 'sealing continues';
    void say(`${whatFails(error)}, ${goesOn}: ${error.message}`);
  });
  sealer.on('outageOver', () => void say('the keys can be used again'));
  const forget = io.onHangUp(() => {
    sealer.reopen().catch(() => undefined); // as above
  });
  const begun = sealer.ready.then(() => true);
  begun.catch(() => undefined); // as above
  const stop = new AbortController();
  void stopped.then(() => stop.abort());
  let inTime = true;
  let before = sealer.stats;
  let copies = config.tee;
  let read = 0;
  try {
    for (;;) {
      const lines = await input.next();
      if (lines === undefined) break;
      read += lines.bytes.length;
      progress.show(read, 0, () => linesText(sealer.stats.records));
      const goOn = lines.goesOn ? sealer.writePiece(lines.bytes) : sealer.write(lines.bytes);
      const mayDrop = config.onWriteFailure === 'drop' && !lines.goesOn; // it asks not to be held back
      if (!goOn && !mayDrop && !input.hasFailed && !(await drained(sealer, stop.signal))) break;
      if (!copies) continue;
      copies = await print(io.stdout, lines.bytes);
      if (!copies) await say('warning: nobody reads standard output any more; lines are sealed and no longer copied');
    }
    inTime = await within(Promise.race([begun, stopped.then(() => false)]), firstKeyMs);
    before = sealer.stats;
    await readerCaughtUp(sealer, () => stop.signal.aborted || input.hasFailed);
  } finally {
    forget();
    await sealer.close();
  }
  if (!inTime && sealer.stats.records === 0) throw nothingSealed(before, sealer.stats);
  const { records, origin, file } = sealer.stats;
  await say(`sealed ${linesText(records)} of ${origin} in ${file}`);
}
