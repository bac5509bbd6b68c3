import { SealedLog } from '../support/sealed-log.ts';
import { dataKey, edKey } from './keys.ts';

/** Small logs of one run that vectors spoil: open, seal, five records, a seal, five more, a close. */

const lines = (from: number): string[] =>
  Array.from({ length: 5 }, (_, at) => `{"level":30,"msg":"payment ${from + at} booked","amount":${(from + at) * 7}}`);

function body(log: SealedLog): SealedLog {
  return log
    .seal()
    .checkpoint()
    .record(...lines(1))
    .seal()
    .checkpoint()
    .record(...lines(6));
}

export const macKeys: { readonly dataKey: Buffer } = { dataKey };
export const signKeys: { readonly signers: readonly [typeof edKey] } = { signers: [edKey] };
export const bothKeys: { readonly dataKey: Buffer; readonly signers: readonly [typeof edKey] } = {
  dataKey,
  signers: [edKey],
};

/** Entries: 1 open, 2 seal, 3-7 records, 8 seal, 9-13 records. */
export const macBody = (): SealedLog => body(new SealedLog().open(macKeys));
export const signedBody = (): SealedLog => body(new SealedLog().open(signKeys));
export const bothBody = (): SealedLog => body(new SealedLog().open(bothKeys));

/** ... 14 close. */
export const macLog = (): SealedLog => macBody().close().checkpoint();
export const signedLog = (): SealedLog => signedBody().close().checkpoint();
export const bothLog = (): SealedLog => bothBody().close().checkpoint();
