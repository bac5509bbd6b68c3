import { type ResolvedConfig, resolveConfig } from '../config/index.ts';
import { isError } from '../errors.ts';
import { verify } from '../verify/verify.ts';
import { configuredKeys } from './configured-keys.ts';

/** What the check is told. It has the configuration, never a key. */
export interface ClosedFileTask {
  readonly config: ResolvedConfig;
  readonly file: string;
  readonly origin: string;
  /** The checkpoint of the file before, as a signed note. */
  readonly held?: string;
}

/** What the check answers: findings that say tampered, or why it could not verify. */
export type ClosedFileAnswer = { readonly tampered: readonly string[] } | { readonly failed: string };

/** Verifies one closed file for its writer, with the writer's own keys. Never rejects. */
export async function checkClosedFile(task: ClosedFileTask): Promise<ClosedFileAnswer> {
  try {
    return { tampered: await findTampering(task) };
  } catch (error) {
    return { failed: isError(error) ? error.message : String(error) };
  }
}

async function findTampering({ config, file, origin, held }: ClosedFileTask): Promise<readonly string[]> {
  const resolution = resolveConfig({ code: config });
  const { close, ...keys } = await configuredKeys({ resolution, env: process.env });
  try {
    const more = held === undefined ? {} : { held: [held] };
    const report = await verify({
      paths: [file],
      origin,
      part: true,
      ...keys,
      ...more,
    });
    const tampered = report.findings.filter(({ severity }) => severity === 'tampered');
    return tampered.map(({ code, message }) => `${code}: ${message}`);
  } finally {
    await close();
  }
}
