import { join } from 'node:path';
import { plainAuditor } from './auditors.ts';
import { BothSides, type Case } from './both-sides.ts';
import { type Disagreement, disagree } from './disagreement.ts';
import { Draft } from './draft.ts';
import type { HonestLog } from './honest-log.ts';
import { madeUpLog } from './made-up.ts';
import { minimised } from './minimise.ts';
import { mutantOf, withoutFiles } from './mutants.ts';
import { Random } from './random.ts';
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
      const log = await worldLog(
        random,
        modes[number % modes.length] as string,
        name,
        join(this.#options.directory, name),
      );
      await this.#honestly(random, log);
      const madeUp = madeUpLog(random, name);
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
  }

  async #ask(one: Case, honest: boolean): Promise<boolean> {
    const { ours, theirs } = await this.#sides.judge(one);
    if (theirs === undefined) return false;
    const pair = `${ours.verdict}${theirs.verdict}`;
    this.#verdicts[pair] = (this.#verdicts[pair] ?? 0) + 1;
    const why = disagree(ours, theirs, honest);
    if (why === undefined) return true;
    const found = { ...(await minimised({ case: one, ours, theirs, why }, this.#sides, honest)), why };
    this.#found.push(found);
    this.#options.onDisagreement?.(found);
    return true;
  }
}
