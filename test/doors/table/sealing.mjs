// node sealing.mjs TREE STEPS: a sealer of the built package in TREE, taken through steps (JSON), and what came of each of its runs.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const [tree, text] = process.argv.slice(2);
const built = (name) => import(pathToFileURL(join(tree, 'dist', name)).href);
const { createSealer } = await built('index.js');
const { MemoryProvider } = await built('testing/index.js');
const provider = new MemoryProvider({ keyIds: ['audit', 'sign'] });

const steps = {
  async seal({ lines = 3, anchors = [], waitMs = 300, during }) {
    const outcome = { warnings: [] };
    const say = (error) => `${error.code} ${error.message} ${error.cause?.message ?? ''} ${error.cause?.input ?? ''}`;
    try {
      const sealer = createSealer({
        file: 'log/audit.jsonl',
        stateDir: 'log/state',
        origin: 'doors.example.com/table',
        keySource: 'custom',
        keyProviderModule: 'memory',
        keyId: 'audit',
        signingKeyId: 'sign',
        keyProvider: provider,
        anchors,
      });
      sealer.on('warning', (error) => outcome.warnings.push(say(error)));
      sealer.on('error', (error) => (outcome.error = say(error)));
      if (during !== undefined) {
        await sealer.ready;
        put(during);
      }
      for (let at = 0; at < lines; at++) sealer.write(`{"n":${at},"r":${Math.random()}}`);
      await sealer.ready;
      await sealer.close();
      await delay(waitMs);
    } catch (error) {
      outcome.error = say(error);
    }
    console.log(JSON.stringify(outcome));
  },
  copy: () => cpSync('log', 'copy', { recursive: true }),
  'roll back': () => {
    rmSync('log', { recursive: true });
    cpSync('copy', 'log', { recursive: true });
  },
  put,
  async ask({ url }) {
    await fetch(url, { method: 'POST' });
  },
};

function put({ what, path, target, content }) {
  if (what === 'pipe') execFileSync('mkfifo', [path]);
  else if (what === 'link') symlinkSync(target, path);
  else writeFileSync(path, content);
}

mkdirSync('log', { recursive: true });
for (const { step, ...options } of JSON.parse(text)) await steps[step](options);
await provider.close();
