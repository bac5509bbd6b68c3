import { isInsecureUrl } from '../config/endpoint.ts';
import { TamperError } from '../errors.ts';

/**
 * Lets an address through that a checkpoint may be sent to.
 *
 * @param what - whose address it is, for the message
 * @throws {@link TamperError} `USAGE`, `INSECURE_ENDPOINT`
 */
export function checkServiceAddress(url: string, what: string): void {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new TamperError('USAGE', `the address of ${what} is no https address`, { hint: 'https://HOST/PREFIX' });
  }
  if (isInsecureUrl(url)) {
    throw new TamperError('INSECURE_ENDPOINT', `the address of ${what} is plain http to another host`, {
      hint: 'Use https; http is allowed on loopback only.',
    });
  }
}
