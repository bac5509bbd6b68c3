import { TamperError } from '../errors.ts';
import type { KeyProvider } from '../keys/provider.ts';
import type { ProofOptions } from '../verify/verify-proof.ts';
import { isProvider } from './auditor-keys.ts';
import { checkOptions, count, type Forms, isText, texts } from './check-options.ts';
import { checkNeeded, forms, type VerifyOptions } from './verify-options.ts';

/** Of what is given to readers who know few algorithms. */
interface NoteKeyOptions {
  /**
   * Verifier keys of note keys, of Ed25519 (`noteKeyFilePath` of the writer): the checkpoint must carry a right signature of each
   * besides those of `keys`, for readers that know them alone. They count for nothing in the verification.
   */
  readonly noteKeys?: readonly string[];
}

/** What to verify, and which of its records to prove. */
export type ProveOptions = VerifyOptions & {
  /** SEQ of the record, from 1: what stands in its line as `"seq"`. */
  readonly seq: number;
  /**
   * What to make: `tlog-proof` carries the record, and the log's own signature; `cose` is a receipt of inclusion (RFC 9942), for
   * which `signer` signs the root of the tree. Default: `tlog-proof`.
   */
  readonly format?: 'tlog-proof' | 'cose';
  /** With `cose`: signs the receipt. Without `keys` the log must be signed by this very key. It stays yours: close it yourself. */
  readonly signer?: KeyProvider;
  /** With `cose`: the name of the signing key. Default: the one in the configuration that `signer` was made from. */
  readonly signingKey?: string;
} & NoteKeyOptions;

/** What to verify, and where its tiles go. */
export type ExportTilesOptions = VerifyOptions & {
  /**
   * A directory, which is made if it does not exist, or `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://ACCOUNT/CONTAINER/PREFIX`:
   * the prefix of the log for readers of tlog-tiles.
   */
  readonly tiles: string;
} & NoteKeyOptions;

/** What the verdict on a proof is based on. None of it comes with the proof. */
export type VerifyProofOptions = Omit<ProofOptions, 'publicKeys' | 'policy'> & Pick<VerifyOptions, 'keys' | 'policy'>;

/** Which files to attest, and who signs. */
export type AttestOptions = VerifyOptions & {
  /** Signs the statement. It stays yours: close it yourself. */
  readonly signer: KeyProvider;
  /** The name of the signing key. Default: the one in the configuration that `signer` was made from. */
  readonly signingKey?: string;
};

const signingForms: Forms<Pick<AttestOptions, 'signer' | 'signingKey'>> = {
  signer: { says: 'a provider, such as createKeyProvider returns', fits: isProvider },
  signingKey: { says: 'the name of a key', fits: (value) => isText(value) && value !== '' },
};

const proveForms: Forms<ProveOptions> = {
  ...forms,
  ...signingForms,
  seq: count,
  noteKeys: texts,
  format: { says: 'tlog-proof or cose', fits: (value) => value === 'tlog-proof' || value === 'cose' },
};

const exportForms: Forms<ExportTilesOptions> = {
  ...forms,
  noteKeys: texts,
  tiles: {
    says: 'a path, or the location of a folder in a bucket',
    fits: (value) => isText(value) && value !== '',
  },
};

const attestForms: Forms<AttestOptions> = { ...forms, ...signingForms };

const proofForms: Forms<VerifyProofOptions> = {
  origin: forms.origin,
  continued: forms.continued,
  policy: forms.policy,
  keys: forms.keys,
  held: forms.held,
  witnesses: forms.witnesses,
  cosignatures: forms.cosignatures,
};

/** @throws {@link TamperError} `USAGE`, with the option and what it takes */
export function checkProveOptions(options: ProveOptions): void {
  checkOptions('proveRecord', options, proveForms);
  checkNeeded('proveRecord', options, [
    ['paths', 'the files to verify'],
    ['seq', 'the record to prove'],
    ...(options.format === 'cose' ? ([['signer', 'the provider that signs the receipt']] as const) : []),
  ]);
  if (options.format === 'cose' && options.noteKeys !== undefined) {
    throw new TamperError('USAGE', 'the option "noteKeys" of proveRecord goes with a tlog-proof', {
      hint: 'A receipt has one signature: that of "signer".',
    });
  }
  for (const name of ['signer', 'signingKey'] as const) {
    if (options.format === 'cose' || options[name] === undefined) continue;
    throw new TamperError('USAGE', `the option "${name}" of proveRecord goes with format: 'cose'`, {
      hint: 'A tlog-proof is not signed anew: it carries the signatures of the log.',
    });
  }
}

/** @throws {@link TamperError} `USAGE`, with the option and what it takes */
export function checkExportOptions(options: ExportTilesOptions): void {
  checkOptions('exportTiles', options, exportForms);
  checkNeeded('exportTiles', options, [
    ['paths', 'the files to verify'],
    ['tiles', 'where the tiles go'],
  ]);
}

/** @throws {@link TamperError} `USAGE`, with the option and what it takes */
export function checkAttestOptions(options: AttestOptions): void {
  checkOptions('attestFiles', options, attestForms);
  checkNeeded('attestFiles', options, [
    ['paths', 'the files to attest'],
    ['signer', 'the provider that signs'],
  ]);
}

/** @throws {@link TamperError} `USAGE`, with the option and what it takes */
export function checkProofOptions(options: VerifyProofOptions): void {
  checkOptions('verifyProof', options, proofForms);
}
