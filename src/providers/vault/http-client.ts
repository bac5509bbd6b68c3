/** One HTTP request to Vault. */
export interface VaultHttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  /** Holds the token: never log it. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON; overwritten with zeros as soon as the request has ended. Holds secrets: never log it. */
  readonly body?: Uint8Array;
  /** Fires at the deadline and when the caller gives up. */
  readonly signal: AbortSignal;
}

/** What came back, whatever its status. */
export interface VaultHttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The whole body. Overwritten by us where it holds secrets. */
  readonly body: Uint8Array;
}

/**
 * How requests reach Vault. Give one of your own to go through a proxy or to use another HTTP library. It neither follows
 * redirects nor repeats requests, and rejects only where no response came.
 */
export interface VaultHttpClient {
  request(request: VaultHttpRequest): Promise<VaultHttpResponse>;
  /** Closes its connections. */
  close?(): void | Promise<void>;
}
