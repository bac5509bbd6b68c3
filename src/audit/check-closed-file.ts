import { resolveConfig } from '../config/index.ts';
import { isError } from '../errors.ts';
import { verify } from '../verify/verify.ts';
import type { ClosedFileAnswer, ClosedFileTask } from './closed-file-task.ts';
import { configuredKeys } from './configured-keys.ts';

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
