import { TamperError } from '../../errors.ts';
import { loadAwsClient, type OwnedClient } from './load-client.ts';
import type { AwsKmsOptions } from './options.ts';

/**
 * The clients that we make ourselves: one for the configured region, and one for each other region that an ARN names. Only
 * ARNs of the caller's own side get here, never one from a log (spec 8.1).
 */
export class OwnClients {
  readonly #options: AwsKmsOptions;
  readonly #made = new Map<string, Promise<OwnedClient>>();
  #closed = false;

  constructor(options: AwsKmsOptions) {
    this.#options = options;
  }

  /** The client for the configured region. @throws {TamperError} `DEPENDENCY_MISSING`, `PROVIDER_CLOSED` */
  configured(): Promise<OwnedClient> {
    return this.#get('', this.#options);
  }

  /** The client for a key: of its ARN's region where it has one, else of the configured region. */
  async for(keyId: string): Promise<OwnedClient> {
    const configured = await this.configured();
    const region = regionOf(keyId);
    if (region === undefined) return configured;
    const ours = await configured.region().catch(() => undefined); // no region is configured: the ARN's will do
    return region === ours ? configured : this.#get(region, { ...this.#options, region });
  }

  /** Closes the connections of every client that came to be. */
  async close(): Promise<void> {
    this.#closed = true;
    const made = [...this.#made.values()];
    this.#made.clear();
    for (const result of await Promise.allSettled(made)) {
      if (result.status === 'fulfilled') result.value.destroy(); // whoever asked for a failed one was told
    }
  }

  async #get(region: string, options: AwsKmsOptions): Promise<OwnedClient> {
    if (this.#closed) throw new TamperError('PROVIDER_CLOSED', 'the AWS KMS provider is closed');
    const pending = this.#made.get(region) ?? loadAwsClient(options);
    this.#made.set(region, pending);
    try {
      return await pending;
    } catch (error) {
      if (this.#made.get(region) === pending) this.#made.delete(region); // installed meanwhile: the next call finds it
      throw error;
    }
  }
}

/** The region in the ARN of a key or alias; undefined for any other name. */
export function regionOf(keyId: string): string | undefined {
  return /^arn:[a-z0-9-]+:kms:([a-z0-9-]+):\d{12}:(?:key|alias)\//.exec(keyId)?.[1];
}
