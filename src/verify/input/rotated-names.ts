/** The names that carriers give to the files of a log. Nothing of them is trusted. */

/** Docker counts from the newest on: `x-json.log`, `x-json.log.1`, `x-json.log.2.gz`. */
const NUMBERED = /^(.+)\.(\d{1,6})$/s;
/** The kubelet says when: `0.log.20261124-230000`, `0.log.20261124-231500.gz`, `0.log`. */
const DATED = /^(.+)\.(\d{8}-\d{6})$/s;

/** Which log a file is of, by its name, and where it stands there. */
interface PlaceInLog {
  /** The name of the newest file. */
  readonly log: string;
  /** Sorts the files from the oldest to the newest. */
  readonly order: string;
}

export function placeInLog(name: string): PlaceInLog {
  const plain = name.replace(/\.gz$/, '');
  const [, dated, date = ''] = DATED.exec(plain) ?? [];
  if (dated !== undefined) return { log: dated, order: `0 ${date}` };
  const [, numbered, number = ''] = NUMBERED.exec(plain) ?? [];
  if (numbered !== undefined)
    return { log: numbered, order: `1 ${String(1_000_000 - Number(number)).padStart(7, '0')}` };
  return { log: plain, order: '2' };
}

/** The name of the log that a file is of. */
export const logOf = (name: string): string => placeInLog(name).log;
