import {
  auditorKeys,
  type DataKeyName,
  type DataKeys,
  type KeyProvider,
  type PublicKeyName,
  TamperError,
  type VerifiedLinesOptions as VerifiedLinesInput,
  type VerifierKeys,
  type VerifyOptions as VerifyInput,
  type VerifyReport,
  verifiedLines as verifiedLinesOf,
  verify as verifyFiles,
} from '../../src/index.ts';

/** Data keys that a test gives an auditor by hand. */
export interface NamedDataKeys extends Pick<KeyProvider, 'source' | 'versionSeparator'> {
  readonly keys: DataKeys;
  readonly named: readonly DataKeyName[];
}

interface AuditorNames {
  /** What is given beside those. */
  readonly keys?: readonly VerifierKeys[] | undefined;
  readonly publicKeys?: readonly (string | PublicKeyName)[] | undefined;
  readonly dataKeys?: readonly NamedDataKeys[] | undefined;
}

/** The options of `verify`, with the keys of a test in place of `keys`. */
export type VerifyOptions = Omit<VerifyInput, 'keys'> & AuditorNames;
/** The same for `verifiedLines`. */
export type VerifiedLinesOptions = Omit<VerifiedLinesInput, 'keys'> & AuditorNames;

/** A provider that has these data keys and no signing key. */
function providerOf({ source, versionSeparator, keys }: NamedDataKeys): KeyProvider {
  const none = async (): Promise<never> => {
    throw new TamperError('UNSUPPORTED_OPERATION', 'this provider has data keys alone');
  };
  return {
    source,
    versionSeparator,
    getKey: (...request) => keys.getKey(...request),
    recoverKey: (...request) => keys.recoverKey(...request),
    getSigningKey: none,
    sign: none,
    signBatch: none,
    verify: none,
    rotateCheck: none,
    close: async () => undefined,
  };
}

function withKeys<T extends AuditorNames>({
  publicKeys,
  dataKeys = [],
  keys = [],
  ...rest
}: T): Omit<T, keyof AuditorNames> & Pick<VerifyInput, 'keys'> {
  const providers = dataKeys.map((one) => auditorKeys({ provider: providerOf(one), dataKeys: one.named }));
  return { ...rest, keys: [...(publicKeys === undefined ? [] : [auditorKeys({ publicKeys })]), ...providers, ...keys] };
}

/** `verify` for tests that hold their keys in hand. */
export const verify = (options: VerifyOptions): Promise<VerifyReport> => verifyFiles(withKeys(options));
/** `verifiedLines` for tests that hold their keys in hand. */
export const verifiedLines = (options: VerifiedLinesOptions): Promise<VerifyReport> =>
  verifiedLinesOf(withKeys(options));
