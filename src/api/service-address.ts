import { isInsecureUrl } from '../config/endpoint.ts';
import { TamperError } from '../errors.ts';
import { hasPassword } from '../foundation/key-like.ts';

/**
 * Lets an address through that a checkpoint may be sent to.
 *
 * @param what - whose address it is, for the message
 * @throws {@link TamperError} `USAGE`, `INSECURE_ENDPOINT`
 */
export function checkServiceAddress(url: string, what: string): void {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new TamperError('USAGE', `the address of ${what} is not an https address`, { hint: 'https://HOST/PREFIX' });
  }
  if (hasPassword(url)) {
    throw new TamperError('USAGE', `the address of ${what} has a user or a password in it`, {
      hint: 'Every user of this host can see a command line: change the password if others could see it.',
    });
  }
  if (isInsecureUrl(url)) {
    throw new TamperError('INSECURE_ENDPOINT', `the address of ${what} is plain http to another host`, {
      hint: 'Use https; http is allowed on loopback only.',
    });
  }
}
