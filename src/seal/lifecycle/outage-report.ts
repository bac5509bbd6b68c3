import { asError } from '../../errors.ts';
import type { Pump } from '../intake/pump.ts';
import type { StreamRun } from '../stream/stream-run.ts';

/** What an {@link OutageReport} tells. */
export interface OutageReportHost {
  began(since: number, error: Error): void;
  over(): void;
}

/** What the log and its listeners learn of a key service that is away: once, whoever finds it out first. */
export class OutageReport {
  readonly #pump: Pump;
  readonly #host: OutageReportHost;
  #told = false;

  constructor(pump: Pump, host: OutageReportHost) {
    this.#pump = pump;
    this.#host = host;
  }

  /** Signatures fail, or a look at the keys does. */
  began(run: StreamRun | undefined, since: number, error: unknown): void {
    if (this.#told) return;
    this.#told = true;
    if (run?.takesLines === true) run.stream.gap('key_service', 0, since);
    this.#pump.flushSoon();
    this.#host.began(since, asError(error));
  }

  over(): void {
    if (this.#told) this.#host.over();
    this.#told = false;
  }
}
