// Dead code. What package.json exports is public, so nobody in the tree has to use it.
import { readFileSync } from 'node:fs';

const pkg = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8'));
const published = [...Object.values(pkg.exports), ...Object.values(pkg.bin)]
  .filter((file) => file.endsWith('.js'))
  .map((file) => file.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts'));

export default {
  entry: [
    ...published,
    'providers/*/src/index.ts',
    'scripts/*.mjs',
    'scripts/{build,check}/*.mjs',
    'scripts/release/build.mjs', // started by scripts/release/named-tools.mjs
    // Started by src/verify/parallel/segment-pool.ts as a process.
    'src/verify/parallel/segment-process.ts',
    'src/api/closed-file-process.ts',
    // Bundled by scripts/build/offline/, which puts the others in the place of modules of src/.
    'src/offline/command/{main,segment-program,absent-service,absent-storage}.ts',
    'src/offline/only-engine.ts',
    'src/offline/page/{main,worker}.ts',
    'src/offline/page/platform/*.ts',
    'bench/*.{ts,mjs}',
    'test/**/*.test.{ts,mjs}',
    // Programs that tests start in a process of their own.
    'test/**/*.mjs',
    'test/nights/main.ts',
    'test/compat/generate.ts',
  ],
  project: [
    'src/**/*.ts',
    'providers/**/*.ts',
    'scripts/**/*.mjs',
    'test/**/*.{ts,mjs}',
    '!test/fixtures/**',
    'bench/**/*.{ts,mjs}',
  ],
  ignoreExportsUsedInFile: { interface: true, type: true },
  ignoreBinaries: [
    'cc',
    'fish',
    'go',
    'java',
    'mandoc',
    'blockdev',
    'losetup',
    'mkfifo',
    'mkfs.ext4',
    'mount',
    'openssl',
    'runc',
    'promtool',
    'ssh-agent',
    'systemd-analyze',
    'truncate',
    'umount',
    'unshare',
  ],
  // Run by scripts/, which knip does not look into for programs.
  ignoreDependencies: [
    'dependency-cruiser',
    'oxlint',
    'oxlint-tsgolint',
    'publint',
    '@arethetypeswrong/cli',
    // Given to projects that scripts/check/types.mjs and test/dist/ make.
    '@types/node-newest',
    '@babel/preset-env',
    // Declarations of @platformatic/kafka name it.
    '@types/debug',
    'jest',
  ],
};
