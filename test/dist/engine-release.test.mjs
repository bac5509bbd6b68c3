// What stops a native engine that must not be published.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { platforms } from '../../scripts/build/engine/platforms.mjs';
import { describe, hindrances, objections } from '../../scripts/build/engine/shared-object.mjs';
import { root } from '../../scripts/lib/run.mjs';

const hasPython = spawnSync('python3', ['-c', 'import venv']).status === 0;
const skip = hasPython || process.env.CI === 'true' ? false : 'python3 with venv is not here';
const exports = ['napi_register_module_v1'];
const good = {
  'linux-x64-gnu': {
    format: 'ELF',
    machine: 'X86_64',
    needs: ['libc.so.6', 'ld-linux-x86-64.so.2', 'libpthread.so.0'],
    versions: ['GLIBC_2.2.5', 'GLIBC_2.28'],
    exports,
  },
  'linux-arm64-musl': { format: 'ELF', machine: 'AARCH64', needs: ['libc.so'], versions: [], exports },
  'darwin-arm64': {
    format: 'MACHO',
    machine: 'ARM64',
    needs: ['@rpath/engine.node', '/usr/lib/libSystem.B.dylib'],
    versions: ['MACOS_11.0.0'],
    exports,
    signed: true,
  },
  'win32-x64': { format: 'PE', machine: 'AMD64', needs: ['KERNEL32.dll', 'ntdll.dll'], versions: [], exports },
};

test('nothing is said against what may be published', () => {
  for (const [name, description] of Object.entries(good)) assert.deepEqual(objections(name, description), [], name);
});

test('each thing that must not be is named', () => {
  const cases = [
    ['linux-x64-gnu', { versions: ['GLIBC_2.28', 'GLIBC_2.34'] }, 'it asks for GLIBC_2.34, newer than 2.28'],
    ['linux-x64-gnu', { versions: ['GLIBC_2.28.1'] }, 'it asks for GLIBC_2.28.1, newer than 2.28'],
    ['linux-x64-gnu', { versions: ['GLIBC_2.100'] }, 'it asks for GLIBC_2.100, newer than 2.28'],
    ['linux-x64-gnu', { versions: ['GLIBCXX_3.4'] }, 'it asks for GLIBCXX_3.4'],
    ['linux-x64-gnu', { versions: ['GLIBC_PRIVATE'] }, 'it asks for GLIBC_PRIVATE'],
    ['linux-x64-gnu', { needs: ['libc.so.6', 'libgcc_s.so.1'] }, 'it asks for libgcc_s.so.1'],
    ['linux-x64-gnu', { machine: 'AARCH64' }, 'it is ELF for AARCH64, not ELF for X86_64'],
    ['linux-x64-gnu', { exports: [] }, 'it has no napi_register_module_v1'],
    ['linux-arm64-musl', { needs: ['libc.so.6'] }, 'it asks for libc.so.6'],
    ['linux-arm64-musl', { versions: ['GLIBC_2.17'] }, 'it asks for GLIBC_2.17'],
    ['darwin-arm64', { versions: ['MACOS_15.0.0'] }, 'it asks for MACOS_15.0.0, newer than 11.0'],
    ['darwin-arm64', { needs: ['/home/me/target/lib.dylib'] }, 'it asks for /home/me/target/lib.dylib'],
    ['darwin-arm64', { signed: false }, 'it is not signed'],
    ['win32-x64', { needs: ['libunwind.dll'] }, 'it asks for libunwind.dll'],
  ];
  for (const [name, change, said] of cases) {
    assert.deepEqual(objections(name, { ...good[name], ...change }), [`${name}: ${said}`]);
  }
});

test('a program of this machine is read, and refused for every platform', { skip }, () => {
  const description = describe(process.execPath);
  assert.ok(description.needs.length > 0 && description.exports.length > 0);
  for (const name of Object.keys(platforms)) {
    assert.ok(objections(name, description).includes(`${name}: it has no napi_register_module_v1`), name);
  }
  assert.throws(() => describe(join(root, 'package.json')), /is no shared object/);
});

test('a platform that is not built, and one that does not exist, are errors', () => {
  const names = Object.keys(platforms);
  assert.deepEqual(
    hindrances(names, (name) => join(root, 'no-such-folder', name)),
    names.map((name) => `${name} is not built: npm run build -- engine --platform ${name}`),
  );
  const program = [`${root}scripts/build/engine.mjs`, '--platform', 'linux-x86'];
  const { status, stderr } = spawnSync(process.execPath, program, { encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, /^- no such platform: linux-x86\. There are linux-x64-gnu, /);
});
