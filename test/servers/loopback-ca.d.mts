/** A certificate authority for one test run, and what it issues: PEM texts. */
export interface LoopbackCa {
  readonly caPem: string;
  /** A certificate for servers and clients. Default hosts: `localhost`, `127.0.0.1`, `::1`. */
  issue(hosts?: string[]): { certPem: string; keyPem: string };
}

export function createLoopbackCa(): LoopbackCa;
