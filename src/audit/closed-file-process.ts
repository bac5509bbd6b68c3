import { resolveConfig } from '../config/index.ts';
import { isError } from '../errors.ts';
import { verify } from '../verify/verify.ts';
import type { ClosedFileAnswer, ClosedFileTask } from './closed-file.ts';
import { configuredKeys } from './configured-keys.ts';

/** The process that verifies one closed file for a writer. It has its keys, so it ends with it. */

async function check({ config, file, origin, held }: ClosedFileTask): Promise<ClosedFileAnswer> {
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
    return { tampered: tampered.map(({ code, message }) => `${code}: ${message}`) };
  } finally {
    await close();
  }
}

process.once('disconnect', () => process.exit());

process.once('message', (task: ClosedFileTask) => {
  void check(task)
    .catch((error: unknown): ClosedFileAnswer => ({ failed: isError(error) ? error.message : String(error) }))
    .then((answer) => {
      process.send?.(answer, () => {
        if (process.connected) process.disconnect();
      });
    });
});
