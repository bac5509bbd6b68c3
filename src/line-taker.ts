import type { TamperConfig } from './config/index.ts';
import { resolved, sealerOf, tee } from './create-sealer.ts';
import { PlainLines } from './seal/plain-lines.ts';
import type { Sealer } from './seal/sealer.ts';

/**
 * `createSealer` for a logger's transport, which writes lines as they are where `enabled` is false.
 *
 * @param failsLater - what `createSealer` throws because of the stream or the disk is an end of the log instead, so that lines
 * are kept. What is wrong with the configuration is thrown all the same
 */
export function createLineTaker(options: TamperConfig, failsLater = false): Sealer | PlainLines {
  const { config, dependencies: given } = resolved(options);
  const dependencies = { ...given, failsLater };
  return config.enabled ? sealerOf(config, dependencies, config.tee ? tee : undefined) : new PlainLines(config);
}
