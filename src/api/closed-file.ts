import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { ResolvedConfig } from '../config/index.ts';
import { TamperError } from '../errors.ts';
import { readManifest } from '../format/manifest-reading.ts';
import { programBeside } from '../foundation/program-beside.ts';
import { readBytes } from '../foundation/read-text.ts';
import type { ClosedFileAnswer, ClosedFileTask } from './check-closed-file.ts';

/**
 * `verify_on_close`: each closed file is verified in a process of its own, which reads it with the writer's own keys; in a
 * bundle, which has no program for that, in the writer's.
 */

/** A file that its writer has closed. */
export interface ClosedFile {
  readonly file: string;
  readonly origin: string;
  /** The path of its manifest. */
  readonly manifest: string;
}

async function ask(task: ClosedFileTask): Promise<ClosedFileAnswer> {
  const program = programBeside(import.meta.url, 'closed-file-process');
  if (program === undefined) return (await import('./check-closed-file.ts')).checkClosedFile(task);
  const child = fork(program, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced', // JSON would leave out what the configuration does not print
  });
  const ended = once(child, 'exit');
  const answered = once(child, 'message');
  child.send(task);
  const [first] = (await Promise.race([answered, ended])) as [unknown];
  await ended;
  return typeof first === 'object' && first !== null
    ? (first as ClosedFileAnswer)
    : { failed: `the process that verifies ended with ${String(first)}` };
}

async function checkpointOf({ manifest }: ClosedFile): Promise<string | undefined> {
  const reading = readManifest(await readBytes(manifest));
  return 'manifest' in reading ? reading.manifest.checkpoint : undefined;
}

/** A check for each closed file of a sealer; a finding, or a check that could not be made, is thrown. */
export function closedFileCheck(config: ResolvedConfig): (event: ClosedFile) => Promise<void> {
  let held: string | undefined;
  return async (event) => {
    const { file, origin } = event;
    const answer = await ask({ config, file, origin, ...(held !== undefined && { held }) });
    held = await checkpointOf(event);
    if ('failed' in answer) {
      throw new TamperError('VERIFY_FAILED', `${file} could not be verified after it was closed: ${answer.failed}`);
    }
    if (answer.tampered.length === 0) return;
    const [first] = answer.tampered;
    const message = `${file} was altered while it was being written: ${first ?? ''}`;
    if (config.alertOnFailure) process.stderr.write(`fapilog-tamper: VERIFY_FAILED: ${message}\n`);
    throw new TamperError('VERIFY_FAILED', message, {
      hint: 'Keep the file as evidence and run fapilog-tamper verify on it; something else wrote to it.',
    });
  };
}
