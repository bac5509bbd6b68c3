import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Instance, openInstance } from '../instances.ts';
import { ownOf } from '../running.ts';

/** The loopback ports that the test server listens on. */
export interface GcpKmsPorts {
  readonly grpcTls: number;
  readonly grpc: number;
  readonly https: number;
  readonly http: number;
  readonly authority: number;
  readonly admin: number;
  /** An HTTP proxy (CONNECT) on which the names of Google lead to this server, and nothing else anywhere. */
  readonly proxy: number;
}

/** One call that the server saw. */
export interface SeenCall {
  readonly method: string;
  readonly transport: string;
  readonly resource: string;
  readonly principal?: string;
  readonly outcome: string;
  readonly at: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** A fault to switch on; `kind` as in faults.mjs. */
export interface Fault {
  readonly kind: string;
  readonly method?: string;
  readonly times?: number;
  readonly [detail: string]: unknown;
}

/** A test server and its control channel. */
export class GcpKmsServer {
  readonly ports: GcpKmsPorts;
  readonly caPem: string;
  /** A directory for this run; holds `ca.pem`. */
  readonly directory: string;
  readonly #end: () => Promise<void>;
  #sequence = 0;

  constructor({ about, end }: Instance<{ ports: GcpKmsPorts; caPem: string }>, directory: string) {
    this.ports = about.ports;
    this.caPem = about.caPem;
    this.directory = directory;
    this.#end = end;
  }

  get caFile(): string {
    return path.join(this.directory, 'ca.pem');
  }

  /** Sends one command to the control channel (admin.mjs). */
  async admin<Answer = unknown>(command: string, argument: object = {}): Promise<Answer> {
    const response = await fetch(`http://127.0.0.1:${this.ports.admin}/${command}`, {
      method: 'POST',
      body: JSON.stringify(argument),
    });
    const answer: unknown = await response.json();
    if (!response.ok) throw new Error(`test server refused ${command}: ${JSON.stringify(answer)}`);
    return answer as Answer;
  }

  /** A new key with one version, in a key ring of the test project. Answers its resource name. */
  async createKey(purpose: string, algorithm: string, more: object = {}): Promise<string> {
    this.#sequence += 1;
    const ring = 'projects/test-project/locations/europe-west1/keyRings/audit';
    const name = `${ring}/cryptoKeys/key-${process.pid}-${this.#sequence}`;
    await this.admin('createKey', { name, purpose, algorithm, ...more });
    return name;
  }

  fault(fault: Fault): Promise<unknown> {
    return this.admin('addFault', fault);
  }

  journal(): Promise<SeenCall[]> {
    return this.admin<SeenCall[]>('journal');
  }

  /** Ends the server and removes its directory. */
  async stop(): Promise<void> {
    await this.#end();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A server with nothing in it, for one test file, at the worker's process. */
export async function startGcpKms(): Promise<GcpKmsServer> {
  const instance = await openInstance<{ ports: GcpKmsPorts; caPem: string }>(ownOf('gcp-kms').url);
  const directory = await mkdtemp(path.join(tmpdir(), 'fapilog-tamper-gcp-kms-'));
  await writeFile(path.join(directory, 'ca.pem'), instance.about.caPem);
  return new GcpKmsServer(instance, directory);
}
