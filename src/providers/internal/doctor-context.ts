import { hostname } from 'node:os';
import { basename } from 'node:path';
import { expandOrigin, type ResolvedConfig } from '../../config/index.ts';
import type { KeyContext } from '../../keys/provider.ts';

/**
 * What `doctor` binds its data keys to: the configured origin, because a policy at the key service may allow no other, and
 * a key id that no stream has.
 */
export function doctorContext(config: ResolvedConfig): KeyContext {
  const { HOSTNAME } = process.env;
  const host = hostname();
  const origin = expandOrigin(config.origin, {
    host,
    pid: String(process.pid),
    instance: 'doctor',
    pod: HOSTNAME ?? host,
    basename: config.file === '-' ? 'stdout' : basename(config.file),
  });
  return { origin, kid: 'AAAAAAAA.1' };
}
