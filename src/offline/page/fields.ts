import { element } from './element.ts';
import type { Failure, Request } from './request.ts';
import type { Zones } from './zones.ts';

/** What was filled in, as a request; what is missing, where it cannot be one. */
export function checkRequest(zones: Zones): Request | Failure {
  const logs = zones.files('logs');
  const policy = zones.files('policy');
  const origin = textOf('origin');
  if (logs.length === 0) return missing('no log was given', 'Drop the files of the log in the first field.');
  if (origin === '' && policy.length === 0) {
    return missing('no stream is named', 'Fill in the name of the stream that you expect, or give a policy.');
  }
  const max = textOf('maxBytes');
  if (!/^([1-9][0-9]{0,15})?$/.test(max)) return missing('that is not a number of bytes', 'Leave it empty for 64 GiB.');
  return {
    logs,
    policy,
    publicKeys: zones.files('publicKeys'),
    known: zones.files('known'),
    origins: origin === '' ? [] : [origin],
    unwrap: textOf('unwrap'),
    live: isChecked('live'),
    part: isChecked('part'),
    strict: isChecked('strict'),
    acceptSuccessors: isChecked('acceptSuccessors'),
    withoutLines: isChecked('withoutLines'),
    maxBytes: max === '' ? undefined : Number(max),
    now: new Date(),
  };
}

function missing(message: string, hint: string): Failure {
  return { code: 'USAGE', message, hint };
}

const textOf = (id: string): string => element(id, HTMLInputElement).value.trim();
const isChecked = (id: string): boolean => element(id, HTMLInputElement).checked;
