import { TamperError } from '../errors.ts';

/** A place in an object store, as people name it: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://ACCOUNT/CONTAINER/PREFIX`. */
export type Location = BucketLocation | ContainerLocation;

interface Place {
  /** The store itself, as it is written: `s3://BUCKET`, `az://ACCOUNT/CONTAINER`. */
  readonly name: string;
  /** What stands after it and a slash: the key of an object, or what keys begin with. As it is written; may be empty. */
  readonly prefix: string;
}

/** A bucket of AWS S3 (`s3`) or of Google Cloud Storage (`gs`). */
export interface BucketLocation extends Place {
  readonly scheme: 's3' | 'gs';
  readonly bucket: string;
}

/** A container of an account of Azure Blob Storage. */
export interface ContainerLocation extends Place {
  readonly scheme: 'az';
  readonly account: string;
  readonly container: string;
}

/** All three services take keys of up to 1,024 bytes or characters. */
const MAX_KEY_BYTES = 1024;

const stores = {
  s3: { form: 's3://BUCKET/PREFIX', parts: /^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])$/, names: 1 },
  gs: { form: 'gs://BUCKET/PREFIX', parts: /^([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])$/, names: 1 },
  az: {
    form: 'az://ACCOUNT/CONTAINER/PREFIX',
    parts: /^([a-z0-9]{3,24})\/((?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*|\$root|\$web|\$logs)$/,
    names: 2,
  },
} as const;

/** What the parameters of a presigned URL are called: with one of these in it, a text is a secret. */
const signature = /[?&](?:sig|signature|x-amz-signature|x-amz-security-token|x-goog-signature)=/i;

/** Whether a text means a place in an object store, well written or not. A file of such a name is written `./s3:…`. */
export function isLocation(text: string): boolean {
  return /^(?:s3|gs|az):/i.test(text);
}

/**
 * Reads the name of a place in an object store. The prefix is taken as it is, any UTF-8: nothing in it is decoded, and
 * nothing is a query.
 *
 * @throws {@link TamperError} `USAGE`: it is none, or has a password or the signature of a presigned URL in it, neither of
 * which is repeated
 */
export function parseLocation(text: string): Location {
  const scheme = /^(s3|gs|az):\/\//.exec(text)?.[1] as keyof typeof stores | undefined;
  if (scheme === undefined)
    throw refused(text, 'is not written s3://BUCKET/PREFIX, gs://… or az://ACCOUNT/CONTAINER/…');
  const { form, parts, names } = stores[scheme];
  if (signature.test(text)) throw refused(text, `is a presigned URL; write ${form}`, 'Its signature is a secret.');
  const words = text.slice(`${scheme}://`.length).split('/');
  const match = parts.exec(words.slice(0, names).join('/'));
  if (match === null) throw refused(text, `is not written ${form}`, 'Neither a host nor a password stands in it.');
  const prefix = words.slice(names).join('/');
  if (Buffer.from(prefix, 'utf8').toString('utf8') !== prefix) throw refused(text, 'is not UTF-8 behind the bucket');
  if (Buffer.byteLength(prefix) > MAX_KEY_BYTES) {
    throw refused(text, `is longer than a key can be: ${MAX_KEY_BYTES} bytes behind the bucket`);
  }
  const [, first = '', second = ''] = match;
  const name = `${scheme}://${match[0]}`;
  if (scheme === 'az') return { scheme, name, account: first, container: second, prefix };
  return { scheme, name, bucket: first, prefix };
}

function refused(text: string, why: string, hint?: string): TamperError {
  return new TamperError('USAGE', `${JSON.stringify(shown(text))} ${why}`, hint === undefined ? {} : { hint });
}

/** Without what may be a password or a signature, and not longer than a message should be. */
function shown(text: string): string {
  const open = text.replace(/^([^:]*:\/*)[^/]*@/, '$1…@').replace(/\?.*$/s, '?…');
  return open.length > 200 ? `${open.slice(0, 200)}…` : open;
}
