// This package: `seal` from standard input and `verify`, with MACs.
import { readFileSync } from 'node:fs';
import { macRound } from '../lib/command/command-round.mjs';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

export function ours() {
  return ['native', 'typescript'].map((engine) => ({
    name: `fapilog-tamper, ${engine === 'native' ? 'native' : 'TypeScript'} engine`,
    version: `${version}, Node.js ${process.versions.node}`,
    isOurs: true,
    round(how) {
      const { sealing, verifying, size } = macRound({ engine, ...how, withManifest: true });
      return { seal: sealing.seconds, verify: verifying.seconds, size };
    },
  }));
}
