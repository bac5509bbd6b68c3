import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { installed } from '../support/installed.ts';
import { freePort } from './free-port.ts';
import { createLoopbackCa } from './loopback-ca.mjs';

const run = promisify(execFile);

/** The broker's version, from Maven. */
const VERSION = '4.1.1';
/** The next major of the client: it asks for a newer Node.js than the oldest that we support. */
export const NEWER_CLIENT = '2.12.1';
/** Who may ask the shared broker over TLS. */
export const KAFKA_USER = 'auditor';
export const KAFKA_PASSWORD = 'canary-J7w2kQ-of-the-broker';
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

/** How a broker is started. */
export interface KafkaOptions {
  /** A second listener, TLS with SASL PLAIN: user names with their passwords. */
  readonly users?: Readonly<Record<string, string>>;
  /** Further lines of server.properties. */
  readonly properties?: readonly string[];
}

/** An Apache Kafka broker (KRaft, one node), a process of its own on loopback, with a data directory of its own. */
export class Kafka {
  /** `127.0.0.1:PORT` without TLS. */
  readonly broker: string;
  /** `127.0.0.1:PORT` with TLS and SASL, where users were named. */
  readonly securedBroker: string;
  /** The certificate of the authority that signed the broker's, a file. */
  readonly caFile: string;
  /** A folder that ends with the broker. */
  readonly directory: string;
  readonly #classPath: string;
  #child: ChildProcess | undefined;
  #output = '';

  static async start(options: KafkaOptions = {}): Promise<Kafka> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await Kafka.#start(options);
      } catch (error) {
        // between finding a port and binding it, somebody else may
        if (attempt === 3 || !String(error).includes('Address already in use')) throw error;
      }
    }
  }

  static async #start({ users, properties = [] }: KafkaOptions): Promise<Kafka> {
    const classPath = join(await installKafka(), '*');
    const directory = await mkdtemp(join(tmpdir(), 'fapilog-tamper-kafka-'));
    const [port, controller, secured] = [await freePort(), await freePort(), await freePort()];
    const kafka = new Kafka(classPath, directory, port, secured);
    const lines = [
      ...propertiesOf(directory, port, controller),
      ...(users === undefined ? [] : await securedProperties(directory, users)),
      ...properties,
    ];
    const listeners = `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`;
    const outside = users === undefined ? '' : `,SASL_SSL://127.0.0.1:${secured}`;
    lines.push(
      `listeners=${listeners}${outside}`,
      `advertised.listeners=PLAINTEXT://127.0.0.1:${port}${outside}`,
      'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL',
    );
    await writeFile(join(directory, 'server.properties'), `${lines.join('\n')}\n`, { mode: 0o600 });
    const id = randomBytes(16).toString('base64url');
    const format = [
      'kafka.tools.StorageTool',
      'format',
      `--cluster-id=${id}`,
      '-c',
      join(directory, 'server.properties'),
    ];
    await run('java', ['-Xmx256m', '-cp', classPath, ...format]);
    await kafka.restart();
    return kafka;
  }

  private constructor(classPath: string, directory: string, port: number, secured: number) {
    this.#classPath = classPath;
    this.directory = directory;
    this.broker = `127.0.0.1:${port}`;
    this.securedBroker = `127.0.0.1:${secured}`;
    this.caFile = join(directory, 'ca.pem');
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the same broker again after {@link kill} and waits until it takes connections. */
  async restart(): Promise<void> {
    const args = ['-Xmx512m', '-Xms128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', this.#classPath];
    const child = spawn('java', [...args, 'kafka.Kafka', join(this.directory, 'server.properties')], {
      cwd: this.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-8_000);
      });
    }
    const killWithUs = (): boolean => child.kill('SIGKILL');
    process.once('exit', killWithUs);
    child.once('exit', () => process.off('exit', killWithUs));
    const deadline = Date.now() + 300_000;
    while (!(await answers(this.broker))) {
      if (child.exitCode !== null || Date.now() > deadline) {
        await this.kill();
        throw new Error(`Kafka did not become ready: ${this.#output}`);
      }
      await wait(50);
    }
  }

  /** Ends the process, by its id; what is on disk stays. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** ApiVersions, version 0, without a client's name. */
const API_VERSIONS = Buffer.from('0000000a0012000000000001ffff', 'hex');

/** Whether the broker answers the first request of every client. */
async function answers(broker: string): Promise<boolean> {
  const [host = '', port = ''] = broker.split(':');
  const socket = connect(Number(port), host);
  try {
    await once(socket, 'connect');
    socket.write(API_VERSIONS);
    await once(socket, 'data', { signal: AbortSignal.timeout(2_000) });
    return true;
  } catch {
    return false; // not listening yet, or not ready
  } finally {
    socket.destroy();
  }
}

function propertiesOf(directory: string, port: number, controller: number): string[] {
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controller}`,
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=PLAINTEXT',
    `log.dirs=${join(directory, 'data')}`,
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.num.partitions=1',
    'transaction.state.log.min.isr=1',
    'share.coordinator.state.topic.replication.factor=1',
    'share.coordinator.state.topic.min.isr=1',
    'group.initial.rebalance.delay.ms=0',
    'auto.create.topics.enable=false',
    'log.retention.check.interval.ms=500',
    `# the broker on port ${port}`,
  ];
}

async function securedProperties(directory: string, users: Readonly<Record<string, string>>): Promise<string[]> {
  const ca = createLoopbackCa();
  const server = ca.issue();
  await writeFile(join(directory, 'ca.pem'), ca.caPem);
  await writeFile(join(directory, 'server.pem'), `${server.keyPem}\n${server.certPem}\n`, { mode: 0o600 });
  const named = Object.entries(users).map(([name, password]) => `user_${name}="${password}"`);
  const module = 'org.apache.kafka.common.security.plain.PlainLoginModule';
  return [
    'sasl.enabled.mechanisms=PLAIN',
    `listener.name.sasl_ssl.plain.sasl.jaas.config=${module} required ${named.join(' ')};`,
    'listener.name.sasl_ssl.ssl.keystore.type=PEM',
    `listener.name.sasl_ssl.ssl.keystore.location=${join(directory, 'server.pem')}`,
  ];
}

/** The broker's jars, from Maven. @returns the folder with them */
export async function installKafka(): Promise<string> {
  const place = await installed(`maven-kafka-${VERSION}`, pom, async (into) => {
    await writeFile(join(into, 'pom.xml'), pom);
    const args = ['-q', '-B', COPY, '-DincludeScope=runtime', `-DoutputDirectory=${join(into, 'jars')}`];
    await run('mvn', args, { cwd: into, timeout: 900_000, maxBuffer: 16 * 1024 * 1024 });
  });
  return join(place, 'jars');
}

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>test</groupId><artifactId>broker</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${VERSION}</version></dependency>
  </dependencies>
</project>
`;
