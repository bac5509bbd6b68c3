import type { TamperConfig } from './config/index.ts';
import { resolved, sealerOf, tee } from './create-sealer.ts';
import { PlainLines } from './seal/plain-lines.ts';
import type { Sealer } from './seal/sealer.ts';

/**
 * `createSealer` for a logger's transport, which writes lines as they are where `enabled` is false.
 *
 * @param endSeconds - how long an end may take at most, whatever is configured, where somebody ends this thread soon after. What
 * `createSealer` throws because of the stream or the disk is an end of the log instead then, so that lines are kept; what is
 * wrong with the configuration is thrown all the same
 */
export function createLineTaker(options: TamperConfig, endSeconds?: number): Sealer | PlainLines {
  const { config, dependencies } = resolved(options);
  if (!config.enabled) return new PlainLines(config);
  const teeTo = config.tee ? tee : undefined;
  if (endSeconds === undefined) return sealerOf(config, dependencies, teeTo);
  const closeTimeoutSeconds = Math.min(config.closeTimeoutSeconds, endSeconds);
  const host = { failsLater: true, isEndedSoon: true };
  return sealerOf({ ...config, closeTimeoutSeconds }, { ...dependencies, ...host }, teeTo);
}
