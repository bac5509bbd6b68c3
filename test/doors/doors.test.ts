import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/**
 * Every place in the sources that speaks to somebody else, with the doors of `asking.ts` that lead through it. A new one fails here
 * until a harness knows it.
 */

const root = fileURLToPath(new URL('../../src', import.meta.url));
/** What makes a connection, or loads what makes one. */
const speaks =
  /(?<![.\w#])fetch\(|from 'node:(?:http|https|net|tls)'|(?<![.\w])import\('(?:@|bullmq|ioredis)[^']*'\)(?!\.)|askOverHttp\(/;

/** The doors that lead through a file, or why nobody answers there. */
const known: Readonly<Record<string, readonly string[] | string>> = {
  'foundation/http-answer.ts': ['anchor-http', 'witness', 'timestamp', 'webhook'],
  'seal/anchor/http-anchor.ts': ['anchor-http'],
  'witness/add-checkpoint.ts': ['witness'],
  'timestamp/request.ts': ['timestamp'],
  'audit/watch/webhook.ts': ['webhook'],
  'providers/aws-s3/open-bucket.ts': ['anchor-s3', 'logs-s3'],
  'providers/aws-kms/own-clients.ts': ['aws-kms'],
  'providers/gcp-storage/open-bucket.ts': ['logs-gs'],
  'providers/azure-blob/open-container.ts': ['logs-az'],
  'providers/vault/http-client.ts': ['vault'],
  'providers/vault/tls.ts': ['vault'],
  'providers/azure-keyvault/session.ts': ['azure-keyvault', 'azure-keyvault-asked'],
  'providers/internal/azure/identity-package.ts': ['azure-token'],
  'providers/gcp-kms/sdk.ts': ['gcp-kms', 'gcp-kms-grpc', 'gcp-token'],
  'providers/gcp-kms/endpoint.ts': ['gcp-kms', 'gcp-kms-grpc'],
  'foundation/guarded-socket.ts': ['kafka-versions', 'redis-login'],
  'kafka/client/access.ts': ['kafka-versions'],
  'kafka/client/topic-client.ts': ['kafka-metadata', 'kafka-offsets', 'kafka-records', 'kafka-unpacked'],
  'kafka/client/load-client.ts': ['kafka-versions'],
  'audit/redis/redis-connection.ts': ['redis-login'],
  'audit/queue/open-queue.ts': ['redis-commands'],
  'audit/watch/status-server.ts': 'it is asked, and asks nobody',
  'keys/ml-dsa.ts': 'it loads a dependency, and speaks to nobody',
  'cli/demo/service.ts': 'it asks itself',
  'cli/input/standard-input.ts': 'the socket is standard input',
};

describe('a door to somebody else', () => {
  const found = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts') && !name.startsWith(join('offline', 'page')))
    .filter((name) => speaks.test(withoutTypes(readFileSync(join(root, name), 'utf8'))))
    .sort();

  it('is known, and none is that is not there', () => {
    expect(found).toEqual(Object.keys(known).sort());
  });

  it('has a harness that tries it', () => {
    const asking = readFileSync(new URL('asking.ts', import.meta.url), 'utf8');
    const named = Object.values(known).flatMap((doors) => (typeof doors === 'string' ? [] : doors));
    console.info(
      `${found.length} places in the sources lead through ${new Set(named).size} doors, all of which a harness tries`,
    );
    for (const door of named) expect(asking).toMatch(new RegExp(`^  '?${door}'?: `, 'm'));
  });
});

/** Without `typeof import('…')`, which loads nothing, and comments. */
function withoutTypes(text: string): string {
  return text.replaceAll(/typeof import\('[^']*'\)/g, '').replaceAll(/^\s*(?:\*|\/\/|\/\*).*$/gm, '');
}
