// Verifies a file of sealed-file.mjs through the public API, as an auditor's program would.
import { auditorKeys, loadPublicKeys, resolveConfig, verify } from '../../dist/index.js';

/** The report on a sealed file; throws where it is not ok. */
export async function audit({ path, origin, keyPath, publicPath }, more = {}) {
  const keyPaths = keyPath === undefined ? [] : [keyPath];
  const keys = await auditorKeys({ resolution: resolveConfig(), keyPaths, env: {} });
  const publicKeys = publicPath === undefined ? [] : await loadPublicKeys(publicPath);
  try {
    const { dataKeys } = keys;
    const report = await verify({ paths: [path], origin, dataKeys, publicKeys, ...more });
    if (report.verdict !== 'ok') throw new Error(`the file is ${report.verdict}: ${JSON.stringify(report.findings)}`);
    return report;
  } finally {
    await keys.close();
  }
}
