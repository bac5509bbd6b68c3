import { hash } from 'node:crypto';
import { TamperError } from '../errors.ts';

/** The name of a stream (spec 1, M1.4): 1 to 255 characters of `[A-Za-z0-9._~:/@-]`, `/` neither first nor last. */
const ORIGIN = /^(?!\/)[A-Za-z0-9._~:/@-]{1,255}(?<!\/)$/;

/** Whether `text` can name a stream. */
export function isOrigin(text: string): boolean {
  return ORIGIN.test(text);
}

/** Refuses what cannot name a stream. @throws {@link TamperError} `ORIGIN_INVALID` */
export function checkOrigin(text: string): void {
  if (isOrigin(text)) return;
  throw new TamperError('ORIGIN_INVALID', `${JSON.stringify(text)} cannot name a stream`, {
    hint: 'Use 1 to 255 characters of A-Z a-z 0-9 . _ ~ : / @ - and no / at either end, such as audit.example.com/payments/host-7.',
  });
}

/** TAG: the first 8 base64url characters of SHA-256(origin). It separates mixed streams and proves nothing (spec 1). */
export function tagOf(origin: string): string {
  return hash('sha256', origin, 'base64url').slice(0, 8);
}

/** KID: `TAG.EPOCH` (spec 1). */
export function kidOf(origin: string, epoch: number): string {
  return `${tagOf(origin)}.${epoch}`;
}
