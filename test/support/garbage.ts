import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

function bytesOfOldObjects(): number {
  return getHeapSpaceStatistics().find((space) => space.space_name === 'old_space')?.space_used_size ?? Number.NaN;
}

/**
 * How many bytes per time `act` leaves among the old objects, which only a full collection frees: the least of some rounds. What
 * the engine itself puts there, when it compiles or moves what was young by chance, is not in each of them; what `act` leaves is.
 */
export function leftBy(act: () => unknown, times: number): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let time = 0; time < 100; time++) act(); // what the first times make stays
  const rounds = Array.from({ length: 8 }, () => {
    collect();
    const before = bytesOfOldObjects();
    for (let time = 0; time < times; time++) act();
    return (bytesOfOldObjects() - before) / times;
  });
  return Math.min(...rounds);
}
