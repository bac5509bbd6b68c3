import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { capture } from '../lib/run.mjs';
import { programOf } from '../lib/runtimes.mjs';
import { NAMED, npmTool } from './named-tools.mjs';

const shell = process.platform === 'win32';

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Our own packages are only here: what the public registry has under their names is never asked for. */
const configuration = (folder, uplink) => `storage: ${JSON.stringify(join(folder, 'storage'))}
uplinks:
  public:
    url: ${JSON.stringify(uplink)}
packages:
  fapilog-tamper: { access: $all, publish: $all }
  'fapilog-tamper-keys-*': { access: $all, publish: $all }
  '@fapilog-tamper/*': { access: $all, publish: $all }
  '**': { access: $all, proxy: public }
max_body_size: 100mb
log: { type: file, path: ${JSON.stringify(join(folder, 'registry.log'))}, format: json, level: warn }
`;

/**
 * Starts a registry of npm (Verdaccio) on loopback that has nothing of ours yet, and passes on other packages.
 *
 * @param folder - for what it keeps
 * @returns its address, and how to end it
 */
export async function startRegistry(folder) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  mkdirSync(folder, { recursive: true });
  const config = join(folder, 'config.yaml');
  writeFileSync(config, configuration(folder, capture('npm', ['config', 'get', 'registry'], { shell }).trim()));
  const program = join(npmTool('verdaccio@6.10.4'), 'verdaccio', 'bin', 'verdaccio');
  const args = [program, '--config', config, '--listen', `127.0.0.1:${port}`];
  // it ends with us, even if we are killed: its input is a pipe from here
  const end = "data:text/javascript,process.stdin.on('end',()=>process.exit()).resume()";
  const server = spawn(programOf(NAMED.runtime), ['--import', end, ...args], {
    cwd: folder,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = once(server, 'exit');
  const deadline = Date.now() + 60_000;
  for (;;) {
    if (server.exitCode !== null) throw new Error(`the registry ended with ${server.exitCode}`);
    const answers = await fetch(`${url}-/ping`).then(
      ({ ok }) => ok,
      () => false, // it does not listen yet
    );
    if (answers) break;
    if (Date.now() > deadline) throw new Error('the registry did not answer within 60 seconds');
    await delay(100);
  }
  const stop = async () => {
    server.kill();
    await ended;
  };
  return { url, stop };
}
