import { ioOfProcess } from '../../cli/process-io.ts';
import { runAlone } from '../../cli/run.ts';
import { verify } from '../../cli/verify.ts';
import { CHECKS_SEGMENTS } from './segment-program.ts';

/** `fapilog-tamper verify` as a program of its own: `verify.mjs`, and the executable made of it. */

/** How it is started, for the help. The build puts it in. */
declare const CALLED: string;
/** The version of the package. The build puts it in. */
declare const VERSION: string;

async function main(): Promise<void> {
  const [first, ...rest] = process.argv.slice(2);
  if (first === CHECKS_SEGMENTS && process.connected) {
    await import('../../verify/parallel/segment-process.ts');
    return;
  }
  const argv = first === undefined ? rest : [first, ...rest];
  process.exitCode = await runAlone(CALLED, verify, argv, ioOfProcess(), VERSION);
}

void main();
