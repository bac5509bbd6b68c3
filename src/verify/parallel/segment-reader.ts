import { readSync } from 'node:fs';
import { KeySchedule } from '../../core/key-schedule.ts';
import { systemCode } from '../../errors.ts';
import type { CheckedRun } from '../stream/checked-run.ts';
import { SegmentCheck, type SharedKey } from './segment.ts';
import type { SegmentRequest } from './segment-messages.ts';

const LF = 0x0a;

/** Checks parts of one file on request, in their order; keeps the keys that came with the requests. */
export class SegmentReader {
  readonly #fd: number;
  readonly #keys: SharedKey[] = [];
  #bytes: Buffer = Buffer.alloc(0);

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** The records of a part that are right. The keys of the request are taken over and overwritten there. */
  check({ from, to, keys }: SegmentRequest): readonly CheckedRun[] {
    for (const { key, kid, step, chain } of keys) {
      const at = this.#keys.findIndex((one) => one.kid === kid);
      if (at >= 0) this.#keys.splice(at, 1)[0]?.schedule.erase();
      this.#keys.push({ key, kid, schedule: KeySchedule.fromChain(chain, step) });
      chain.fill(0);
    }
    const base = Math.max(from - 1, 0); // whether a line begins at `from` the byte before says
    let end: number;
    try {
      end = this.#read(base, to);
    } catch (error) {
      if (systemCode(error) === '') throw error;
      return []; // who asked reads it too, and reports the error
    }
    const lf = from === 0 ? 0 : this.#bytes.subarray(0, end).indexOf(LF, 1);
    return lf < 0 ? [] : new SegmentCheck(this.#bytes, end, base, this.#keys).runs(lf + 1);
  }

  /** Reads `[from, to)` to the second byte of the buffer on; returns where the bytes end. */
  #read(from: number, to: number): number {
    const full = 1 + to - from;
    if (this.#bytes.length < full) this.#bytes = Buffer.allocUnsafeSlow(full);
    let end = 1;
    while (end < full) {
      const count = readSync(this.#fd, this.#bytes, end, full - end, from + end - 1);
      if (count === 0) break;
      end += count;
    }
    return end;
  }
}
