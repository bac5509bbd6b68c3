/** A place in S3, as an anchor names it: `s3://BUCKET/PREFIX`. */
export interface S3Address {
  readonly bucket: string;
  /** What the keys of its objects begin with, without a slash at the end; may be empty. */
  readonly prefix: string;
}

/** Whether a text means a place in S3, well written or not. */
export function isS3Address(text: string): boolean {
  return /^s3:/i.test(text);
}

/**
 * Reads `s3://BUCKET` or `s3://BUCKET/PREFIX`: a bucket's name as S3 has them, and of the characters that S3 calls safe in a
 * key letters, digits and `!_.*'()-`. There is no place in it for a password.
 *
 * @returns undefined where it is neither
 */
export function parseS3Address(text: string): S3Address | undefined {
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/((?:[\w!.*'()-]+(?:\/(?!$)|\/?$))*))?$/.exec(text);
  if (match === null) return undefined;
  const [, bucket = '', prefix = ''] = match;
  return { bucket, prefix: prefix.replace(/\/$/, '') };
}
