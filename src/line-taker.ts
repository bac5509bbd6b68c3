import type { TamperConfig } from './config/index.ts';
import { type HostLimits, resolved, sealerOf, tee } from './create-sealer.ts';
import { PlainLines } from './seal/plain-lines.ts';
import type { Sealer } from './seal/sealer.ts';

/**
 * `createSealer` for a logger's transport, which writes lines as they are where `enabled` is false.
 *
 * @param host - what `createSealer` throws because of the stream or the disk can be an end of the log instead, so that lines
 * are kept. What is wrong with the configuration is thrown all the same
 */
export function createLineTaker(options: TamperConfig, host: HostLimits = {}): Sealer | PlainLines {
  const { config, dependencies: given } = resolved(options);
  const dependencies = { ...given, ...host };
  return config.enabled ? sealerOf(config, dependencies, config.tee ? tee : undefined) : new PlainLines(config);
}
