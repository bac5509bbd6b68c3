import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import vm from 'node:vm';
import { build, type Plugin } from 'esbuild';
import type { ResolvedConfig } from '../../src/config/index.ts';
import type { createDataKey, KeyProvider, Sealer, TamperError, VerifyReport } from '../../src/index.ts';
import type { SealerParts } from '../../src/seal/starting.ts';
import type { StoredLogs } from '../../src/storage/stored-logs.ts';
import { globals, modules, processNow } from './globals.ts';
import { ReusedBuffer, withLastingBuffers } from './large-buffers.ts';
import { simulatedCrypto } from './simulated-crypto.ts';

/** What a writer of the tree is made with. */
export interface WriterCode {
  readonly Sealer: new (config: ResolvedConfig, parts: SealerParts) => Sealer;
  readonly TamperError: typeof TamperError;
  readonly createDataKey: typeof createDataKey;
}

/** What an auditor with the tree's code has. */
export interface AuditorCode extends Pick<WriterCode, 'TamperError' | 'createDataKey'> {
  readonly withDefaults: (set: Partial<ResolvedConfig>) => ResolvedConfig;
  readonly verify: (options: object) => Promise<VerifyReport>;
  readonly openKeys: (keys: KeyProvider, byPolicy: boolean) => Promise<object>;
  readonly stored?: StoredLogs;
}

/** A source tree, compiled: its writer inside the simulated world, its auditor outside of it. */
export interface Tree {
  readonly auditor: AuditorCode;
  /** The writer's code as a new process has it. `slot`: several processes at once each have their own. */
  writer(slot: number): WriterCode;
}

const WRITER = `
  export { Sealer } from './src/seal/sealer.ts';
  export { createDataKey } from './src/keys/data-key.ts';
  export { TamperError } from './src/errors.ts';`;
const AUDITOR = `
  export { verify } from './src/verify/verify.ts';
  export { openKeys } from './src/api/open-keys.ts';
  export { withDefaults } from './src/config/defaults.ts';
  export { createDataKey } from './src/keys/data-key.ts';
  export { TamperError } from './src/errors.ts';`;

/** They compute, and reach nothing that is outside of a process. */
const PURE: ReadonlySet<string> = new Set([
  'node:path', 'node:util', 'node:util/types', 'node:events', 'node:stream', 'node:stream/promises', 'node:url', 'node:diagnostics_channel',
]); // biome-ignore format: a list

/** Puts others in the place of Node's modules: what these lack is an error of the build. @param inside - no other module is let through */
const instead = (given: Readonly<Record<string, object>>, inside: boolean): Plugin => ({
  name: 'instead of Node',
  setup: (bundler) => {
    bundler.onResolve({ filter: /^node:/ }, ({ path }) => {
      if (path in given) return { path, namespace: 'world' };
      return inside && !PURE.has(path) ? { errors: [{ text: `${path} is not modelled` }] } : { path, external: true };
    });
    bundler.onLoad({ filter: /.*/, namespace: 'world' }, ({ path }) => {
      const names = Object.keys(given[path] ?? {}).filter((name) => /^\w+$/.test(name) && name !== 'default');
      const from = `__world.modules[${JSON.stringify(path)}]`;
      return { contents: names.map((name) => `export const ${name} = ${from}.${name};`).join('\n') };
    });
    bundler.onResolve({ filter: /native-binding|aws-s3|gcp-|azure|pkijs|noble/ }, ({ path, kind }) =>
      kind === 'dynamic-import' ? { path, external: true } : undefined,
    );
  },
});

/**
 * What a module keeps outlives a simulated process. So each is put back as a new process has it: by form, whatever the name.
 */
const likeNew: Plugin = {
  name: 'like new',
  setup: (bundler) => {
    bundler.onLoad({ filter: /src[/\\](seal|foundation)[/\\].*\.ts$/ }, async ({ path }) => {
      const { readFile } = await import('node:fs/promises');
      const text = await readFile(path, 'utf8');
      const resets = [...text.matchAll(/^let (\w+)(?:: [^=;]+)?(?: = ([^;]+))?;$/gm)].map(
        ([, name, value]) => `${name} = ${value ?? 'undefined'}`,
      );
      for (const [, name] of text.matchAll(/^const (\w+)(?:: [^=]+)? = new (?:Set|Map)(?:<.*>)?\(\);$/gm))
        resets.push(`${name}.clear()`);
      const tail = resets.length === 0 ? '' : `\n__world.resets.push(() => { ${resets.join('; ')} });\n`;
      return { contents: text + tail, loader: 'ts' };
    });
  },
};

async function bundle(directory: string, contents: string, plugins: Plugin[], inside: boolean): Promise<string> {
  const names = inside ? [...Object.keys(globals), 'process', 'Buffer'] : ['Buffer'];
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: directory, loader: 'ts' },
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    write: false,
    logLevel: 'silent', // what it throws says it
    plugins,
    define: {
      ...Object.fromEntries(names.map((name) => [name, `__world.${name}`])),
      ...(inside && { 'Math.random': '__world.random' }),
    },
  });
  return (outputFiles[0] as { text: string }).text;
}

function refused(path: string): never {
  throw new Error(`${path} is loaded from outside of the world`);
}

/** Compiles a tree. @param directory - it has `src` and `node_modules` */
export async function compileTree(directory: string): Promise<Tree> {
  const root = resolve(directory);
  const requireThere = createRequire(join(root, 'package.json'));
  const compiled = async (contents: string, name: string, plugins: Plugin[], inside: boolean) => {
    const text = await bundle(root, contents, plugins, inside);
    const script = new vm.Script(`(function (require, module, exports, __world) {${text}\n})`, {
      filename: `${name}.js`,
      importModuleDynamically: (inside ? refused : vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER) as never,
    });
    const run = script.runInThisContext() as (...given: unknown[]) => void;
    return (world?: object): unknown => {
      const module = { exports: {} };
      withLastingBuffers(() => run(requireThere, module, module.exports, world));
      return module.exports;
    };
  };
  const outside = { modules: { 'node:crypto': simulatedCrypto }, Buffer: ReusedBuffer };
  const auditor = (await compiled(AUDITOR, 'auditor', [instead(outside.modules, false)], false))(
    outside,
  ) as AuditorCode;
  const writer = await compiled(WRITER, 'writer', [instead(modules, true), likeNew], true);
  const slots: { code: WriterCode; resets: (() => void)[] }[] = [];
  return {
    auditor,
    writer: (slot) => {
      let known = slots[slot];
      if (known === undefined) {
        const resets: (() => void)[] = [];
        const world = { ...globals, Buffer: ReusedBuffer, modules, resets, get process() { return processNow(); } }; // biome-ignore format: a list
        known = { code: writer(world) as WriterCode, resets };
        slots[slot] = known;
      }
      for (const reset of known.resets) reset();
      return known.code;
    },
  };
}
