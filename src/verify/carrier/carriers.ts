import { TamperError } from '../../errors.ts';
import { shown } from '../../foundation/key-like.ts';
import type { Carrier, CarrierName } from './carrier.ts';
import { cri } from './cri.ts';
import { docker } from './docker.ts';
import { field } from './field.ts';
import { loki } from './loki.ts';

const FIELD = 'field:';
/** Names that may lead to the member: each is a further look through the line, which may be long. */
const MOST_NAMES = 4;

/**
 * The carrier of a name, if one is given. In `field:NAME` a dot leads into a member that is an object, up to three times.
 *
 * @throws {@link TamperError} `USAGE` where there is none of that name
 */
export function carrierOf(name: CarrierName | undefined): Carrier | undefined {
  if (name === undefined) return undefined;
  const carrier = carrierNamed(name);
  if (carrier === undefined) throw new TamperError('USAGE', `there is no carrier ${JSON.stringify(shown(name))}`);
  return carrier;
}

function carrierNamed(name: string): Carrier | undefined {
  const known = [docker, cri, loki].find((one) => one.name === name);
  if (known !== undefined || !name.startsWith(FIELD)) return known;
  const path = name.slice(FIELD.length).split('.');
  return path.includes('') || path.length > MOST_NAMES ? undefined : field(path);
}

/** Whether there is a carrier of this name. */
export function isCarrierName(name: unknown): name is CarrierName {
  return typeof name === 'string' && carrierNamed(name) !== undefined;
}
