import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { TamperError } from '../../errors.ts';
import { schemaProblem, withoutInput } from '../../verify/auditor/schema-problem.ts';
import type { StreamResult } from '../check/stream-result.ts';
import type { AuditMemory } from '../memory/audit-memory.ts';
import { KnownStates } from './known-states.ts';
import type { WebhookMessage } from './webhook.ts';

/** Findings that are to be told, and which have been: kept beside the auditor's memory, so that a restart neither loses nor repeats them. */

/** So many messages wait at most; a finding for which there is no room is found again in the next round. */
const MOST_WAITING = 1_000;
/** So many findings of a stream stand in a message, and so long a text of each, in characters. */
const FINDINGS = 3;
const TEXT_LENGTH = 300;
/** So often it is tried to write what another process writes too. */
const ATTEMPTS = 5;

const text = v.pipe(v.string(), v.nonEmpty());
const schema = v.strictObject({
  version: v.literal(1),
  told: v.record(text, text),
  waiting: v.array(v.strictObject({ id: text, body: text })),
});

/** What is told of findings. */
export class Outbox {
  readonly #memory: AuditMemory;
  readonly #id: string;
  #version: string | undefined;
  /** Streams whose current finding was already sent. */
  readonly #told: KnownStates;
  #waiting: WebhookMessage[];
  #changed = false;

  private constructor(
    memory: AuditMemory,
    id: string,
    stored: v.InferOutput<typeof schema>,
    version: string | undefined,
  ) {
    this.#memory = memory;
    this.#id = id;
    this.#version = version;
    this.#told = new KnownStates(Object.entries(stored.told));
    this.#waiting = [...stored.waiting];
  }

  /** Goes on with what is kept under an id. @throws {@link TamperError} `FORMAT_INVALID`, what reading throws */
  static async open(memory: AuditMemory, id: string): Promise<Outbox> {
    const stored = await memory.read(id);
    if (stored === undefined) return new Outbox(memory, id, { version: 1, told: {}, waiting: [] }, undefined);
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), stored.text, withoutInput);
    if (parsed.success) return new Outbox(memory, id, parsed.output, stored.version);
    const problem = schemaProblem(parsed.issues, 'the text');
    throw new TamperError('FORMAT_INVALID', `${memory.name}: ${id} is not a record of sent findings: ${problem}`, {
      hint: 'Remove it; every finding is then sent once more.',
    });
  }

  /** How many messages wait. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Whether something is not written yet. */
  get hasChanged(): boolean {
    return this.#changed;
  }

  /** Before the first result of a round. */
  beginRound(): void {
    this.#told.beginRound();
  }

  /** Takes a result of a round. @returns whether there is something new to tell */
  take(result: StreamResult, now: Date): boolean {
    const news = this.#told.look(result);
    const isFinding = result.verdict !== 'ok';
    if (!news.isNews || (isFinding && this.#waiting.length >= MOST_WAITING)) return false;
    this.#told.note(news);
    this.#changed = true;
    if (!isFinding) return false;
    const body = bodyOf({ ...result, findings: news.findings }, now);
    this.#waiting.push({ id: `msg_${randomUUID().replaceAll('-', '')}`, body });
    return true;
  }

  /** All streams were looked at: what was not there is no finding any more. */
  endRound(): void {
    if (this.#told.endRound()) this.#changed = true;
  }

  /** The messages that have not arrived, the oldest first. */
  get waiting(): readonly WebhookMessage[] {
    return this.#waiting;
  }

  /** It has arrived. */
  arrived(message: WebhookMessage): void {
    this.#waiting = this.#waiting.filter((one) => one !== message);
    this.#changed = true;
  }

  /** Writes what has changed. @throws {@link TamperError} what the memory throws; `STATE_CONFLICT` where others write all the time */
  async save(): Promise<void> {
    if (!this.#changed) return;
    this.#changed = false;
    try {
      await this.#write();
    } catch (error) {
      this.#changed = true;
      throw error;
    }
  }

  async #write(): Promise<void> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const written = JSON.stringify({
        version: 1,
        told: Object.fromEntries(this.#told.entries()),
        waiting: this.#waiting,
      });
      const done = await this.#memory.write(this.#id, `${written}\n`, this.#version);
      // another process may have written: ours is as good, since what it has told it has told
      this.#version = (await this.#memory.read(this.#id))?.version;
      if (done) return;
    }
    throw new TamperError(
      'STATE_CONFLICT',
      `${this.#memory.name}: ${this.#id} is continually written by another process`,
      {
        hint: 'Run one audit --watch for these places.',
      },
    );
  }
}

function bodyOf({ stream, result, verdict, lastSeq, proven, findings, more, error }: StreamResult, now: Date): string {
  return JSON.stringify({
    type: 'audit.finding',
    timestamp: now.toISOString(),
    data: {
      stream,
      result,
      verdict,
      lastSeq,
      proven,
      findings: findings.slice(0, FINDINGS).map(({ code, severity, message, file }) => ({
        code,
        severity,
        message: cut(message),
        ...(file !== undefined && { file: cut(file) }),
      })),
      more: more + Math.max(0, findings.length - FINDINGS),
      ...(error !== undefined && {
        error: {
          code: error.code,
          message: cut(error.message),
          ...(error.hint !== undefined && { hint: cut(error.hint) }),
        },
      }),
    },
  });
}

function cut(words: string): string {
  return words.slice(0, TEXT_LENGTH);
}
