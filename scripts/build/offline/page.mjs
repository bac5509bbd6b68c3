import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { build } from 'esbuild';
import { root } from '../../lib/run.mjs';
import { licences } from './licences.mjs';
import { replaced } from './replaced.mjs';

const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const folder = 'src/offline/page';
const platform = `${folder}/platform`;

/** Parts of the verifier that a browser does otherwise. The rest is the verifier as it is. */
const inBrowser = {
  'src/engine/selected-engine.ts': 'src/offline/only-engine.ts',
  'src/keys/signature.ts': `${platform}/signature.ts`,
  'src/verify/input/inflate.ts': `${platform}/inflate.ts`,
  'src/verify/auditor/known.ts': `${platform}/no-known-file.ts`,
  'src/verify/found/stored-logs.ts': `${platform}/no-stored-logs.ts`,
  'src/verify/parallel/parallel-reading.ts': `${platform}/no-processes.ts`,
};

/** Modules of Node.js are those of `platform/`, and no others. */
const nodeModules = {
  name: 'node-modules',
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path, importer }) => {
      const file = `${root}${platform}/${path.slice('node:'.length).replace('/', '-')}.ts`;
      if (existsSync(file)) return { path: file, sideEffects: false };
      return { errors: [{ text: `${importer} needs ${path}, which a page does not have` }] };
    });
  },
};

async function bundle(entry, { plugins = [], inject = [], define = {} }) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: [`${folder}/${entry}`],
    outfile: entry,
    bundle: true,
    write: false,
    metafile: true,
    platform: 'browser',
    target: 'es2022',
    format: 'iife',
    charset: 'utf8',
    legalComments: 'none', // all of them are at the end of the page
    minify: true,
    define,
    inject,
    plugins: [...plugins, nodeModules],
    logLevel: 'warning',
  });
  return { text: outputFiles[0].text, metafile };
}

/** What an HTML parser could take for its own in a script: such sequences stand in strings only. */
function asScript(text) {
  return text.replaceAll('<!--', '\\x3C!--').replaceAll(/<(\/?script)/gi, '\\x3C$1');
}

/** The style sheet that the report brings along. */
async function reportStyle() {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['src/report/html/style.ts'],
    bundle: true,
    write: false,
    format: 'esm',
  });
  const { REPORT_STYLE } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
  return REPORT_STYLE;
}

const digest = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Numbers in bytes are read by methods of Node's Buffer, of which the page has those that it needs: one that is missing is an error. */
function assertNumbers(text) {
  for (const [, name] of text.matchAll(/\.((?:read|write)[A-Z]\w*(?:8|BE|LE))\(/g)) {
    if (!new RegExp(`[^.\\w]${name}\\(`).test(text)) throw new Error(`the Buffer of the page has no ${name}`);
  }
}

/** The page that verifies, one HTML file. The same sources give the same text. */
export async function bundlePage() {
  const worker = await bundle('worker.ts', {
    plugins: [replaced(inBrowser)],
    inject: [`${platform}/globals.ts`],
  });
  assertNumbers(worker.text);
  const main = await bundle('main.ts', {
    define: { WORKER: JSON.stringify(worker.text), VERSION: JSON.stringify(version) },
  });
  const script = asScript(main.text);
  const style = (await reportStyle()) + readFileSync(`${root}${folder}/style.css`, 'utf8');
  const policy = [
    "default-src 'none'",
    "connect-src 'none'",
    `script-src ${digest(script)}`,
    `style-src ${digest(style)}`,
    'worker-src blob:',
    "form-action 'none'",
    "base-uri 'none'",
  ].join('; ');
  const parts = {
    POLICY: policy,
    STYLE: style,
    VERSION: version,
    SCRIPT: script,
    LICENCES: licences(worker.metafile).join('\n').replaceAll('--', '- -'),
  };
  const page = readFileSync(`${root}${folder}/page.html`, 'utf8');
  return page.replaceAll(/\s*\/\*\{\{([A-Z]+)\}\}\*\/\s*|\{\{([A-Z]+)\}\}/g, (_, code, text) => parts[code ?? text]);
}
