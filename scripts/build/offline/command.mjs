import { readFileSync } from 'node:fs';
import { build } from 'esbuild';
import { root } from '../../lib/run.mjs';
import { licenceComment } from './licences.mjs';
import { replaced } from './replaced.mjs';

const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

/** Parts that a program in one file cannot have, and what it has instead. */
const inOneFile = {
  'src/engine/selected-engine.ts': 'src/offline/only-engine.ts',
  'src/verify/parallel/segment-program.ts': 'src/offline/command/segment-program.ts',
  'src/providers/aws-kms/from-config.ts': 'src/offline/command/absent-service.ts',
  'src/providers/gcp-kms/from-config.ts': 'src/offline/command/absent-service.ts',
  'src/providers/azure-keyvault/from-config.ts': 'src/offline/command/absent-service.ts',
  'src/providers/open-storage.ts': 'src/offline/command/absent-storage.ts',
  'src/kafka/client/load-client.ts': 'src/offline/command/absent-service.ts',
};

/** CommonJS packages require modules of Node.js, and an ES module has no require(). */
const REQUIRE = "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);\n";

/**
 * `fapilog-tamper verify` with all that it needs in one text. The same sources give the same text.
 *
 * @param format - `esm` for verify.mjs, `cjs` for the executable
 * @param called - how it is started, for its help
 * @param obeysOptions - whether the Node.js of an executable obeys NODE_OPTIONS
 */
export async function bundleCommand(format, called, obeysOptions = false) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['src/offline/command/main.ts'],
    outfile: 'verify.js',
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    target: 'node20.19',
    format,
    charset: 'utf8',
    minify: true, // half of the package otherwise
    legalComments: 'none', // all of them are in the banner
    define: {
      CALLED: JSON.stringify(called),
      VERSION: JSON.stringify(version),
      OBEYS_NODE_OPTIONS: String(obeysOptions),
      ...(format === 'cjs' && { 'import.meta.url': 'undefined' }),
    },
    plugins: [replaced(inOneFile)],
    logLevel: 'warning',
  });
  return licenceComment(metafile) + (format === 'esm' ? REQUIRE : '') + outputFiles[0].text;
}
