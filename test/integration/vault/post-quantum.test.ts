import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatVkey, type SignatureAlgorithm } from '../../../src/index.ts';
import type { BaoNamespace } from '../../servers/openbao.ts';
import { type BuiltPackage, buildPackage, type RunResult } from '../../support/built-package.ts';
import { nodeOf } from '../../support/registry-tools.ts';
import { times } from '../../support/tier.ts';
import { keys, providerFor, startTransit } from './transit-server.ts';

/** Sealed with ML-DSA keys of OpenBao; verified by Node.js 20, which has no ML-DSA, and by Node.js 24, which has. */

const ORIGIN = 'audit.example.com/post-quantum';
let server: BaoNamespace;
let built: BuiltPackage;
let nodes: Readonly<Record<'20' | '24', string>>;

beforeAll(async () => {
  const [twenty, twentyFour] = await Promise.all([nodeOf(20), nodeOf(24)]);
  nodes = { 20: twenty, 24: twentyFour };
  [server, built] = await Promise.all([startTransit(), buildPackage()]);
}, 600_000);
afterAll(async () => {
  await server.stop();
  built.remove();
});

const at = (name: string): string => join(built.directory, name);

/** The verifier key of a key at OpenBao, as an auditor has it from there. */
async function vkey(path: string): Promise<string> {
  const provider = providerFor(server.url, { env: { VAULT_TOKEN: server.rootToken } });
  try {
    const { algorithm, spki } = await provider.getSigningKey(path);
    return formatVkey(ORIGIN, { algorithm: algorithm satisfies SignatureAlgorithm, bytes: Buffer.from(spki ?? []) });
  } finally {
    await provider.close();
  }
}

async function verifyWith(node: string, policy: string, file: string): Promise<RunResult> {
  return built.run(['verify', file, '--policy', policy, '--format', 'json'], { node, env: { HOME: built.directory } });
}

test.each((['mldsa65', 'mldsa44'] as const).slice(0, times(1, 2)))(
  '%s beside Ed25519: ok on both, a changed signature found by both',
  async (use) => {
    const file = at(`${use}.jsonl`);
    const config = [
      'key_source: vault',
      `vault_addr: ${server.url}`,
      `vault_path: ${keys.data}`,
      'signing_key_id: audit-sign',
      `post_quantum_key_id: audit-${use}`,
      `origin: ${ORIGIN}`,
      `state_dir: ${at(`state-${use}`)}`,
    ];
    writeFileSync(at('config.yaml'), config.join('\n'));
    const env = { HOME: built.directory, VAULT_TOKEN: server.rootToken };
    const doctor = await built.run(['doctor', '--config', at('config.yaml')], { env });
    expect(doctor.stdout).toContain(`post-quantum key`);
    expect(doctor.code, doctor.stdout).toBe(0);
    const seal = ['seal', '--config', at('config.yaml'), '--out', file];
    const sealed = await built.run(seal, { env, input: '{"amount":100}\n{"amount":200}\n' });
    expect(sealed.code, sealed.stderr).toBe(0);

    const classical = await vkey(keys.ed25519);
    const postQuantum = await vkey(keys[use]);
    const policy = (...named: string[]): string =>
      `version: 1\nstreams:\n  - origin: ${ORIGIN}\n    require: [post-quantum]\n    keys: [${named.map((one) => `{ sign: "${one}" }`).join(', ')}]\n`;
    writeFileSync(at('policy.yaml'), policy(classical, postQuantum));
    writeFileSync(at('classical.yaml'), policy(classical));

    const text = readFileSync(file, 'utf8');
    const length = { mldsa44: 3232, mldsa65: 4418 }[use];
    const signature = new RegExp(`— ${ORIGIN} ([A-Za-z0-9+/=]{${length},})\\\\n`, 'g');
    const found = [...text.matchAll(signature)];
    expect(found.length).toBeGreaterThanOrEqual(2);
    const last = found.at(-1)?.[1] ?? '';
    const changed = `${last.slice(0, 2000)}${last[2000] === 'A' ? 'B' : 'A'}${last.slice(2001)}`;
    writeFileSync(at('changed.jsonl'), text.replaceAll(last, changed));

    for (const node of Object.values(nodes)) {
      const good = await verifyWith(node, at('policy.yaml'), file);
      expect(good.code, good.stdout + good.stderr).toBe(0);
      const bad = await verifyWith(node, at('policy.yaml'), at('changed.jsonl'));
      expect(bad.code).toBe(1);
      expect(bad.stdout).toContain('SIGNATURE_WRONG');
      const without = await verifyWith(node, at('classical.yaml'), file);
      expect(without.code).toBe(2);
      expect(without.stdout).toContain('post-quantum');
      const altered = at('altered.jsonl');
      writeFileSync(altered, text.replace('"amount":100', '"amount":900'));
      expect((await verifyWith(node, at('policy.yaml'), altered)).code).toBe(1);
    }
  },
);
