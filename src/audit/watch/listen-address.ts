import { TamperError } from '../../errors.ts';

/** Where a service listens. */
export interface ListenAddress {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

/** Where nobody but this host can ask. */
export const DEFAULT_LISTEN: ListenAddress = { host: '127.0.0.1', port: 9797 };

/** Reads `HOST:PORT`, with an IPv6 address in brackets. @throws {@link TamperError} `USAGE` */
export function listenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^[\]:\s]+)):(\d{1,5})$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host !== undefined && port <= 65_535) return { host, port };
  throw new TamperError('USAGE', `--listen is HOST:PORT, not ${JSON.stringify(text)}`, {
    hint: 'For example 127.0.0.1:9797 or [::1]:9797; with 0.0.0.0:9797, everybody who can reach this host can connect.',
  });
}
