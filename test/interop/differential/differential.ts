import { join } from 'node:path';
import { plainAuditor } from './auditors.ts';
import { BothSides, type Case, type CaseBrings } from './both-sides.ts';
import { type Disagreement, disagree } from './disagreement.ts';
import { Draft } from './draft.ts';
import { erasedLog } from './erased-log.ts';
import type { HonestLog } from './honest-log.ts';
import { madeUpLog } from './made-up.ts';
import { minimised } from './minimise.ts';
import { mutantOf, withoutFiles } from './mutants.ts';
import { Random } from './random.ts';
import { saltedLog } from './salted-log.ts';
import { MODES, worldLog } from './worlds.ts';

/** Both verifiers on honest logs and on mutants of them: a 0 of one side that the other does not give is a disagreement. */

export interface Outcome {
  readonly logs: number;
  /** Mutants that both sides have judged. */
  readonly mutants: number;
  /** Honest logs, whole or with files left out, that both sides have judged. */
  readonly honest: number;
  /** How often each pair of verdicts came, ours first. */
  readonly verdicts: Readonly<Record<string, number>>;
  readonly disagreements: readonly Disagreement[];
}

export interface DifferentialOptions {
  readonly seed: number;
  readonly logs: number;
  readonly mutants: number;
  /** The interpreter that has the Python side's packages. */
  readonly python: string;
  /** An empty directory for files in between. */
  readonly directory: string;
  /** Told of each disagreement as it is found. */
  readonly onDisagreement?: (found: Disagreement) => void;
  readonly onProgress?: (mutants: number) => void;
}

/** Runs it. The seed decides over logs and mutants; nonces and the keys of the memory provider are random. */
export async function differential(options: DifferentialOptions): Promise<Outcome> {
  const run = new Run(options);
  try {
    return await run.all();
  } finally {
    run.close();
  }
}

class Run {
  readonly #options: DifferentialOptions;
  readonly #random: Random;
  readonly #sides: BothSides;
  readonly #found: Disagreement[] = [];
  readonly #verdicts: Record<string, number> = {};
  #mutants = 0;
  #honest = 0;

  constructor(options: DifferentialOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#sides = new BothSides(options.python, join(options.directory, 'cases'));
  }

  close(): void {
    this.#sides.close();
  }

  async all(): Promise<Outcome> {
    const { logs, mutants } = this.#options;
    const modes = Object.keys(MODES);
    let other: HonestLog | undefined;
    for (let number = 0; number < logs; number++) {
      const random = this.#random.fork();
      const name = `log${number}`;
      const mode = modes[number % modes.length] as string;
      const written = await worldLog(random, mode, name, join(this.#options.directory, name));
      const log = random.chance(0.5) ? written : await saltedLog(random, written);
      await this.#honestly(random, log);
      const madeUp = await saltedLog(random, madeUpLog(random, name));
      await this.#erased(random, madeUp, plainAuditor(random, madeUp));
      await this.#ask(
        { what: 'made up', files: madeUp.files, manifests: [], brings: plainAuditor(random, madeUp) },
        false,
      );
      const upTo = Math.round(((number + 1) * mutants) / logs);
      const drafts = [log, log, madeUp].map((one) => ({ one, draft: Draft.of(one.files) }));
      while (this.#mutants < upTo) {
        const { one, draft } = random.pick(drafts);
        if (await this.#ask(await mutantOf(random, one, draft, other ?? madeUp), false)) this.#mutants++;
        if (this.#mutants % 500 === 0) this.#options.onProgress?.(this.#mutants);
      }
      other = log;
    }
    return {
      logs,
      mutants: this.#mutants,
      honest: this.#honest,
      verdicts: this.#verdicts,
      disagreements: this.#found,
    };
  }

  async #honestly(random: Random, log: HonestLog): Promise<void> {
    const brings = plainAuditor(random, log);
    for (const one of withoutFiles(random, log, brings)) {
      if (await this.#ask(one, true)) this.#honest++;
    }
    await this.#erased(random, log, brings, true);
  }

  /** An honest log from which records were erased: what it is without that if they are recorded, else never 0. */
  async #erased(random: Random, log: HonestLog, brings: CaseBrings, isWritten = false): Promise<void> {
    const made = erasedLog(random, log);
    if (made === undefined) return;
    const { erasures } = made;
    const whole = { what: 'honest', files: log.files, manifests: log.manifests, brings };
    const before = (await this.#sides.judge(whole)).ours.verdict;
    if (before === 1) return; // a made-up log is not always right
    const files = made.log.files;
    const recorded = { ...brings, erasures };
    await this.#ask({ ...whole, what: 'erased and recorded', files, brings: recorded }, true, (one) => one === before);
    const missing = { ...erasures, recorded: erasures.recorded.slice(1) };
    const unrecorded = { ...brings, erasures: missing };
    await this.#ask({ ...whole, what: 'erased, not recorded', files, brings: unrecorded }, false, (one) => one !== 0);
    const unknown = { ...brings, erasures: { ...missing, whole: false } };
    await this.#ask({ ...whole, what: 'erased, not whole', files, brings: unknown }, true, (one) => one === 2);
    await this.#ask({ ...whole, what: 'put back', brings: recorded }, true, (one) => one === 2);
    const copies = made.log.files.map(({ name, bytes }) => ({ name: `erased.${name}`, bytes }));
    const beside = { ...whole, what: 'erased copies beside', files: [...log.files, ...copies] };
    await this.#ask(beside, isWritten, (one) => one === before); // M8.2
    for (const one of withoutFiles(random, made.log, recorded).slice(0, 6))
      await this.#ask({ ...one, what: `erased: ${one.what}` }, isWritten);
  }

  /** @param isRight - whether our verdict is one that it may be */
  async #ask(one: Case, honest: boolean, isRight = (_verdict: 0 | 1 | 2): boolean => true): Promise<boolean> {
    const { ours, theirs } = await this.#sides.judge(one);
    if (theirs === undefined) return false;
    if (!isRight(ours.verdict)) this.#tell({ case: one, ours, theirs, why: 'honest' });
    const pair = `${ours.verdict}${theirs.verdict}`;
    this.#verdicts[pair] = (this.#verdicts[pair] ?? 0) + 1;
    const why = disagree(ours, theirs, honest);
    if (why === undefined) return true;
    const found = { ...(await minimised({ case: one, ours, theirs, why }, this.#sides, honest)), why };
    this.#tell(found);
    return true;
  }

  #tell(found: Disagreement): void {
    this.#found.push(found);
    this.#options.onDisagreement?.(found);
  }
}
