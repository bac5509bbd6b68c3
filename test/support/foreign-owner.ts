import { chownSync, statSync } from 'node:fs';
import { vi } from 'vitest';

const STRANGER = 12_345;

/** A path that belongs to another user than the process, and the two as messages name them. */
export interface ForeignOwner {
  readonly owner: number;
  readonly self: number;
  restore(): void;
}

/** Root gives the path away; for anyone else the process says that it is another user, to whom every file is foreign. */
export function foreignOwner(path: string, self: number): ForeignOwner {
  const owner = statSync(path).uid;
  if (self !== 0) {
    const spy = vi.spyOn(process as Required<typeof process>, 'geteuid').mockReturnValue(self + 1);
    return { owner, self: self + 1, restore: () => spy.mockRestore() };
  }
  chownSync(path, STRANGER, 0);
  return { owner: STRANGER, self, restore: () => chownSync(path, owner, 0) };
}
