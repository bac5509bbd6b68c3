import type { ResolvedConfig } from '../../config/index.ts';
import type { OpenEntry } from '../../format/control.ts';
import type { Clock } from '../../foundation/clock.ts';

/** What happens by time. */
export interface TimerHost {
  sealDue(): void;
  rotationDue(): void;
  lockDue(): void;
}

/** What each `open` promises by its configuration (M2.5). */
export function everyOf(config: ResolvedConfig): OpenEntry['every'] {
  const { checkpointMaxRecords, checkpointMaxSeconds, heartbeatSeconds } = config;
  return { records: checkpointMaxRecords, seconds: checkpointMaxSeconds, idleSeconds: heartbeatSeconds };
}

/** The clockwork of one sealer: seals after records and without, change of file, renewal of the lock (M2.5). */
export class SealTimers {
  readonly #config: ResolvedConfig;
  readonly #clock: Clock;
  readonly #host: TimerHost;
  readonly #lockRenewal: number;
  readonly #cancel = new Map<'seal' | 'heartbeat' | 'rotation' | 'lock', () => void>();

  /** @param lockRenewal - how often the lock is renewed, in milliseconds */
  constructor(config: ResolvedConfig, clock: Clock, lockRenewal: number, host: TimerHost) {
    this.#config = config;
    this.#clock = clock;
    this.#host = host;
    this.#lockRenewal = lockRenewal;
    this.#armLock();
  }

  /** Records wait for a seal. */
  unsealed(): void {
    if (this.#cancel.has('seal')) return;
    this.#arm('seal', this.#config.checkpointMaxSeconds, () => this.#host.sealDue());
  }

  /** A seal was written. */
  sealed(): void {
    this.#cancel.get('seal')?.();
    this.#cancel.delete('seal');
    this.#arm('heartbeat', this.#config.heartbeatSeconds, () => this.#host.sealDue());
  }

  /** A file was begun. */
  fileBegun(): void {
    const seconds = this.#config.rotateIntervalSeconds;
    if (seconds > 0) this.#arm('rotation', seconds, () => this.#host.rotationDue());
  }

  stop(): void {
    for (const cancel of this.#cancel.values()) cancel();
    this.#cancel.clear();
  }

  #armLock(): void {
    this.#arm('lock', this.#lockRenewal / 1000, () => {
      this.#armLock();
      this.#host.lockDue();
    });
  }

  #arm(name: 'seal' | 'heartbeat' | 'rotation' | 'lock', seconds: number, fire: () => void): void {
    this.#cancel.get(name)?.();
    const cancel = this.#clock.after(seconds * 1000, () => {
      this.#cancel.delete(name);
      fire();
    });
    this.#cancel.set(name, cancel);
  }
}
