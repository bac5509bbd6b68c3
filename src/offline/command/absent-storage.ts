import { TamperError } from '../../errors.ts';

/**
 * Takes the place of `open-storage.ts`: the SDKs of object stores are not in the one file, and one beside it is not loaded.
 *
 * @throws {@link TamperError} `DEPENDENCY_MISSING`, always
 */
export async function openStorage({ name }: { readonly name: string }): Promise<never> {
  throw new TamperError('DEPENDENCY_MISSING', `this verifier in one file cannot read ${name}: no SDK is in it`, {
    hint: 'Download the objects and verify the files, or verify with the npm package: npm install fapilog-tamper',
  });
}
