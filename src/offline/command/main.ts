import { ioOfProcess } from '../../cli/process-io.ts';
import { runAlone } from '../../cli/run.ts';
import { endAtUncaught } from '../../cli/uncaught.ts';
import { verify } from '../../cli/verify.ts';
import { CHECKS_SEGMENTS } from './segment-program.ts';

/** `fapilog-tamper verify` as a program of its own: `verify.mjs`, and the executable made of it. */

/** How it is started, for the help. The build puts it in. */
declare const CALLED: string;
/** The version of the package. The build puts it in. */
declare const VERSION: string;

async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  // in an executable the path that `fork` gives is an argument too
  if (argv.at(-1) === CHECKS_SEGMENTS && process.connected) {
    await import('../../verify/parallel/segment-process.ts');
    return;
  }
  endAtUncaught();
  process.exitCode = await runAlone(CALLED, verify, argv, ioOfProcess(), VERSION);
}

void main();
