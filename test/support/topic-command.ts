import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VerifyReport } from '../../src/index.ts';
import { type CommandResult, runCommand } from './command-line.ts';
import { FLEET, fleetKey, fleetVkey } from './topic-logs.ts';

/** What a command line came to. */
export interface TopicResult extends CommandResult {
  /** Undefined where there is none. */
  readonly report: VerifyReport | undefined;
}

/** A place for a state and for key files. */
export class TopicPlace {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'fapilog-tamper-topic-'));
  readonly state: string = join(this.directory, 'state');
  readonly keyFile: string = join(this.directory, 'signer.pub');

  constructor() {
    writeFileSync(this.keyFile, `${fleetVkey}\n`);
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** The arguments of a verification of the fleet. */
  args(from: string, ...further: string[]): string[] {
    const keys = ['--key-env', 'FLEET_KEY', '--public-key', this.keyFile];
    const format = further.includes('--format') ? [] : ['--format', 'json'];
    const origin = further.includes('--origin') ? [] : ['--origin', `${FLEET}/*`];
    return ['verify', '--from', from, ...origin, ...keys, ...format, ...further];
  }

  /** Verifies a topic with the command line, in this process. */
  async verify(
    from: string,
    further: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<TopicResult> {
    const result = await runCommand(this.args(from, ...further), { env: { FLEET_KEY: fleetKey, ...env } });
    const report = result.stdout.startsWith('{') ? (JSON.parse(result.stdout) as VerifyReport) : undefined;
    return { ...result, report };
  }
}
