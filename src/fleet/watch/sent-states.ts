import * as v from 'valibot';
import { TamperError } from '../../errors.ts';
import { schemaProblem, withoutInput } from '../../verify/auditor/schema-problem.ts';
import type { AuditMemory } from '../memory/audit-memory.ts';
import { KnownStates } from './known-states.ts';

const text = v.pipe(v.string(), v.nonEmpty());
const schema = v.strictObject({ version: v.literal(1), sent: v.record(text, text) });

/** The states that the webhook has accepted, in one file beside the auditor's memory. */
export class SentStates {
  readonly states: KnownStates;
  readonly #memory: AuditMemory;
  readonly #id: string;
  /** The text in the memory. */
  #saved: string;

  private constructor(memory: AuditMemory, id: string, states: KnownStates) {
    this.#memory = memory;
    this.#id = id;
    this.states = states;
    this.#saved = this.#text();
  }

  /** Reads what is kept under an id. @throws {@link TamperError} `FORMAT_INVALID`, what reading throws */
  static async open(memory: AuditMemory, id: string): Promise<SentStates> {
    const stored = await memory.read(id);
    if (stored === undefined) return new SentStates(memory, id, new KnownStates());
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), stored.text, withoutInput);
    if (parsed.success) return new SentStates(memory, id, new KnownStates(Object.entries(parsed.output.sent)));
    const problem = schemaProblem(parsed.issues, 'the text');
    throw new TamperError('FORMAT_INVALID', `${memory.name}: ${id} is not a record of sent findings: ${problem}`, {
      hint: 'Remove it; every finding is then sent once more.',
    });
  }

  /**
   * Replaces the file if the states have changed.
   *
   * @throws {@link TamperError} what the memory throws; `STATE_CONFLICT` if another process writes it at the same time
   */
  async save(): Promise<void> {
    const next = this.#text();
    if (next === this.#saved) return;
    const stored = await this.#memory.read(this.#id);
    if (!(await this.#memory.write(this.#id, next, stored?.version))) {
      throw new TamperError('STATE_CONFLICT', `${this.#memory.name}: ${this.#id} is also written by another process`, {
        hint: 'Run one audit --watch for these places.',
      });
    }
    this.#saved = next;
  }

  #text(): string {
    return `${JSON.stringify({ version: 1, sent: Object.fromEntries(this.states.entries()) })}\n`;
  }
}
