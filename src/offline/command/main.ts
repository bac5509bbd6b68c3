import { errorText } from '../../cli/error-text.ts';
import { exitCode } from '../../cli/exit-code.ts';
import { print } from '../../cli/output.ts';
import { ioOfProcess } from '../../cli/process-io.ts';
import { runAlone } from '../../cli/run.ts';
import { endAtUncaught } from '../../cli/uncaught.ts';
import { verify } from '../../cli/verify.ts';
import { TamperError } from '../../errors.ts';
import { digestOfFile, type OwnDigest } from '../../foundation/own-package.ts';
import { CHECKS_SEGMENTS } from './segment-program.ts';

/** `fapilog-tamper verify` as a program of its own: `verify.mjs`, and the executable made of it. */

/** How it is started, for the help. The build puts it in. */
declare const CALLED: string;
/** The version of the package. The build puts it in. */
declare const VERSION: string;
/** Whether it is an executable whose Node.js obeys NODE_OPTIONS. The build puts it in. */
declare const OBEYS_NODE_OPTIONS: boolean;

async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  // in an executable the path that `fork` gives is an argument too
  if (argv.at(-1) === CHECKS_SEGMENTS && process.connected) {
    await import('../../verify/parallel/segment-process.ts');
    return;
  }
  endAtUncaught();
  if (OBEYS_NODE_OPTIONS && (process.env['NODE_OPTIONS'] ?? '') !== '') {
    const message = 'NODE_OPTIONS is set, and the Node.js in this executable obeys it: it can run other code in here';
    await print(process.stderr, errorText(new TamperError('USAGE', message, { hint: 'Unset NODE_OPTIONS.' })));
    process.exitCode = exitCode.usage;
    return;
  }
  const digest = async (): Promise<OwnDigest> => digestOfFile(process.argv[1] ?? '');
  process.exitCode = await runAlone(CALLED, verify, argv, { ...ioOfProcess(), digest }, VERSION);
}

void main();
