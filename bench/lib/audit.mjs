// Verifies a file of sealed-file.mjs through the public API, as an auditor's program would.
import { auditorKeys, verify } from '../../dist/index.js';

/** The report on a sealed file; throws where it is not ok. */
export async function audit({ path, origin, keyPath, publicPath }, more = {}) {
  const keys = auditorKeys({
    ...(keyPath !== undefined && { dataKeyFiles: [keyPath] }),
    ...(publicPath !== undefined && { publicKeyFiles: [publicPath] }),
  });
  const report = await verify({ paths: [path], origin, keys, ...more });
  if (report.verdict !== 'ok') throw new Error(`the file is ${report.verdict}: ${JSON.stringify(report.findings)}`);
  return report;
}
