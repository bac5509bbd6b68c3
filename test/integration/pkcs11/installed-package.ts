import { cpSync, mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type BuiltPackage, buildPackage } from '../../support/built-package.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The compiled package with `fapilog-tamper-keys-pkcs11` installed beside it, as npm would do it. */
export async function installPkcs11Package(): Promise<BuiltPackage> {
  const built = await buildPackage({ own: true });
  const modules = join(built.directory, 'node_modules');
  const folder = join(modules, 'fapilog-tamper-keys-pkcs11');
  mkdirSync(folder, { recursive: true });
  cpSync(join(root, 'providers/pkcs11/package.json'), join(folder, 'package.json'));
  await build({
    entryPoints: [join(root, 'providers/pkcs11/src/index.ts')],
    outfile: join(folder, 'dist/index.js'),
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
  symlinkSync(realpathSync(join(root, 'node_modules/pkcs11js')), join(modules, 'pkcs11js'));
  symlinkSync(built.directory, join(modules, 'fapilog-tamper'));
  return built;
}
