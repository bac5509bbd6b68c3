import { readProof } from '../../api/proof-files.ts';
import { isError, isTamperError, TamperError } from '../../errors.ts';
import { type ProofsReport, proofsReport } from '../../report/words/proofs.ts';
import { verifyProof } from '../../verify/verify-proof.ts';
import { broughtBy, check } from './check.ts';
import { place } from './platform/folder.ts';
import type { Answer, Failure, Request } from './request.ts';

/** The worker of the page: one verification, then it is ended. */

const EVERY_MS = 100;
let told = 0;

function answer(what: Answer): void {
  postMessage(what);
}

function failureOf(error: unknown): Failure {
  if (isTamperError(error)) return { code: error.code, message: error.message, hint: error.hint };
  const message = isError(error) ? (error.stack ?? error.message) : String(error);
  return { code: 'INTERNAL', message, hint: 'This is a bug in fapilog-tamper: please report it.' };
}

async function run(request: Request): Promise<void> {
  try {
    if (areProofsAlone(request)) {
      answer({ kind: 'proofs', report: await checkProofs(request) });
      return;
    }
    const { report, known } = await check(request, (read, total) => {
      const now = Date.now();
      if (now - told < EVERY_MS) return;
      told = now;
      answer({ kind: 'progress', read, total });
    });
    answer({ kind: 'report', report, known });
  } catch (error) {
    answer({ kind: 'failure', failure: failureOf(error) });
  }
}

/** Whether nothing but proofs of records was given. Their names say so, as to the command. */
const areProofsAlone = ({ logs }: Request): boolean =>
  logs.length > 0 && logs.every(({ path }) => path.endsWith('.tlog-proof'));

/** The command `verify NAME.tlog-proof`. @throws {@link TamperError} what the command line throws for the same files */
async function checkProofs(request: Request): Promise<ProofsReport> {
  refuseLogOptions(request);
  const { publicKeys, policy, streams, notes: held } = await broughtBy(request);
  if (streams.size > 0) throw aboutLogs('a known file', 'Give the checkpoint that you hold by itself.');
  const { logs, origins } = request;
  const options = {
    publicKeys,
    held,
    continued: origins.length === 0,
    ...(policy !== undefined && { policy }),
    ...(origins.length > 0 && { origin: origins }),
  };
  const proofs: ProofsReport['proofs'][number][] = [];
  for (const { path, blob } of logs) {
    place(path, blob);
    proofs.push({ file: path, ...(await verifyProof(await readProof(path), options)) });
  }
  return proofsReport(proofs);
}

function refuseLogOptions({ live, part, acceptSuccessors, unwrap, maxBytes, withoutLines }: Request): void {
  const isSet = live || part || acceptSuccessors || withoutLines || unwrap !== '' || maxBytes !== undefined;
  if (isSet) throw aboutLogs('an option', 'Of the options only the one about warnings applies to a proof.');
}

function aboutLogs(what: string, hint: string): TamperError {
  return new TamperError('USAGE', `${what} is about logs, but a proof of one record is to be verified`, { hint });
}

addEventListener('message', ({ data }) => {
  void run(data as Request); // the page alone can send to its worker
});
