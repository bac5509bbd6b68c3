import { readProof } from '../../api/proof-files.ts';
import { TamperError } from '../../errors.ts';
import { type ProofsReport, proofsReport } from '../../report/words/proofs.ts';
import { verifyProof } from '../../verify/verify-proof.ts';
import { broughtBy } from './check.ts';
import { place } from './platform/folder.ts';
import type { Request } from './request.ts';

/** The command `verify NAME.tlog-proof` for files that were dropped into the page. */

/** Whether nothing but proofs of records was given. Their names say so, as to the command. */
export const areProofsAlone = ({ logs }: Request): boolean =>
  logs.length > 0 && logs.every(({ path }) => path.endsWith('.tlog-proof'));

/** @throws {@link TamperError} what the command line throws for the same files */
export async function checkProofs(request: Request): Promise<ProofsReport> {
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
