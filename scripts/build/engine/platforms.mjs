import { join } from 'node:path';
import { report, root } from '../../lib/run.mjs';

/** The oldest glibc and macOS that a published file may ask for: what Node.js 20 itself asks for, macOS rounded up to what arm64 has. */
const GLIBC = '2.28';
const MACOS = '11.0';

/**
 * The platforms that get a package. `target`: Rust's name. `format`, `machine`: what the file must be. `needs`: the shared
 * libraries that it may ask for. `newest`: the newest version that it may ask for, of glibc or macOS.
 */
export const platforms = {
  'linux-x64-gnu': gnu('x64', 'x86_64', 'X86_64'),
  'linux-arm64-gnu': gnu('arm64', 'aarch64', 'AARCH64'),
  'linux-x64-musl': musl('x64', 'x86_64', 'X86_64'),
  'linux-arm64-musl': musl('arm64', 'aarch64', 'AARCH64'),
  'darwin-x64': darwin('x64', 'x86_64', 'X86_64'),
  'darwin-arm64': darwin('arm64', 'aarch64', 'ARM64'),
  'win32-x64': {
    os: 'win32',
    cpu: 'x64',
    target: 'x86_64-pc-windows-gnullvm',
    linksAs: 'x86_64-pc-windows-gnullvm',
    library: 'fapilog_tamper_engine_napi.dll',
    format: 'PE',
    machine: 'AMD64',
    needs: /^(kernel32|ntdll|bcryptprimitives|api-ms-win-(core|crt)-[a-z0-9-]+)\.dll$/i,
    environment: {},
    flags: [],
  },
};

/** The platform of this process. */
export function thisPlatform() {
  const { glibcVersionRuntime } = process.report.getReport().header;
  const libc = process.platform !== 'linux' ? '' : glibcVersionRuntime === undefined ? '-musl' : '-gnu';
  const name = `${process.platform}-${process.arch}${libc}`;
  if (platforms[name] === undefined) throw new Error(`no engine is made for ${name}`);
  return name;
}

/** Where the file for a platform is, once it is built to be published. */
export const builtFile = (name) => join(root, 'engine', 'built', `${name}.node`);

/** The platforms that a command names with `--platform NAME`, or all of them with `--all`; undefined for neither. */
export function namedPlatforms({ all = false, platform = [] }) {
  const names = all ? Object.keys(platforms) : platform;
  const unknown = names.find((name) => platforms[name] === undefined);
  if (unknown !== undefined) report([`no such platform: ${unknown}. There are ${Object.keys(platforms).join(', ')}`]);
  return names.length === 0 ? undefined : names;
}

function gnu(cpu, arch, machine) {
  const target = `${arch}-unknown-linux-gnu`;
  return {
    ...linux(cpu, machine),
    libc: 'glibc',
    target,
    linksAs: `${target}.${GLIBC}`,
    needs: /^(lib(c|m|dl|rt|pthread)\.so\.\d+|ld-linux-(x86-64|aarch64)\.so\.\d)$/,
    newest: { GLIBC },
    flags: [],
  };
}

function musl(cpu, arch, machine) {
  const target = `${arch}-unknown-linux-musl`;
  // as a program of musl loads a module: with the C library that is there
  const flags = ['-C', 'target-feature=-crt-static'];
  return { ...linux(cpu, machine), libc: 'musl', target, linksAs: target, needs: /^libc\.so$/, flags };
}

function linux(cpu, machine) {
  const library = 'libfapilog_tamper_engine_napi.so';
  return { os: 'linux', cpu, library, format: 'ELF', machine, environment: {} };
}

function darwin(cpu, arch, machine) {
  const target = `${arch}-apple-darwin`;
  return {
    os: 'darwin',
    cpu,
    target,
    linksAs: target,
    library: 'libfapilog_tamper_engine_napi.dylib',
    format: 'MACHO',
    machine,
    needs: /^(\/usr\/lib\/[\w.]+\.dylib|@rpath\/engine\.node)$/,
    newest: { MACOS },
    environment: { MACOSX_DEPLOYMENT_TARGET: MACOS },
    // -S: otherwise the file's UUID is made from symbols too that are stripped later, which hold the paths of this build
    flags: ['-C', 'link-arg=-Wl,-install_name,@rpath/engine.node', '-C', 'link-arg=-Wl,-S'],
  };
}
