import * as v from 'valibot';
import { TamperError } from '../../errors.ts';
import { OPEN_WHYS } from '../../format/control.ts';
import { schemaProblem, withoutInput } from '../../verify/auditor/schema-problem.ts';
import type { FamilyJob } from '../check/audit-family.ts';
import type { FamilyFile } from '../check/family-look.ts';
import { digestOfJob, type StreamJob } from '../queue/stream-job.ts';

/** What a job asks the audit for. It has been in a Redis: nothing of it is taken as it comes. */

const text = v.string();
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const content = { name: text, size: count, version: text };
const sight = v.strictObject({
  origin: text,
  seq: v.optional(count),
  open: v.optional(v.strictObject({ why: v.picklist(OPEN_WHYS), time: text })),
  after: v.optional(v.strictObject({ origin: text, size: count })),
});
const schema = v.strictObject({
  files: v.array(
    v.strictObject({
      ...content,
      manifest: v.optional(v.strictObject(content)),
      sight: v.optional(sight),
      unread: v.optional(v.strictObject({ code: text, message: text, hint: v.optional(text) })),
    }),
  ),
  memoryVersion: v.optional(text),
  elsewhere: v.optional(v.strictObject({ file: text, why: v.picklist(['not read', 'not unpacked']) })),
  reread: v.optional(v.boolean()),
  manifests: v.optional(
    v.array(v.strictObject({ name: text, origin: text, firstSeq: count, lastSeq: count, after: v.optional(text) })),
  ),
  erasures: v.optional(v.array(v.strictObject({ family: text, beside: v.array(text) })), []),
});

/** Where the files of an erasure log are: the worker looks into their folders, and reads what is there by then (R1.3). */
export interface ErasureLogPlace {
  readonly family: string;
  /** One file of each folder. */
  readonly beside: readonly string[];
}

/** The folders in which files of erasure logs were listed. */
export function placesOf(
  found: readonly (readonly [family: string, files: readonly Pick<FamilyFile, 'name'>[]])[],
): ErasureLogPlace[] {
  return found.map(([family, files]) => {
    const byFolder = new Map(files.map(({ name }) => [name.replace(/[^/\\]*$/, ''), name]));
    return { family, beside: [...byFolder.values()] };
  });
}

interface FoundErasureLogs {
  readonly erasures: readonly ErasureLogPlace[];
}

/** What the job of a family asks for, as JSON. */
export function taskOf(
  { files, memoryVersion, elsewhere, reread, manifests }: FamilyJob,
  erasures: readonly ErasureLogPlace[],
): unknown {
  const plain = files.map(({ sight, ...file }) => {
    if (sight?.after === undefined) return { ...file, sight };
    const { origin, size } = sight.after;
    return { ...file, sight: { ...sight, after: { origin, size } } };
  });
  return { files: plain, memoryVersion, elsewhere, reread, manifests, ...(erasures.length > 0 && { erasures }) };
}

/** Reads it. `isPlaced` says whether a name is one of a file in the places: none other is read. @throws {@link TamperError} `FORMAT_INVALID` */
export function familyJobOf(job: StreamJob, isPlaced: (name: string) => boolean): FamilyJob & FoundErasureLogs {
  const { origin, task } = job;
  const parsed = v.safeParse(schema, task, withoutInput);
  if (!parsed.success) {
    throw new TamperError('FORMAT_INVALID', `the job of ${origin}: ${schemaProblem(parsed.issues, 'the task')}`);
  }
  const { files, ...rest } = parsed.output;
  const others = rest.erasures.flatMap(({ beside }) => beside.map((name) => ({ name, manifest: undefined })));
  const outside = [...files, ...others].find(
    ({ name, manifest }) => !isPlaced(name) || !isPlaced(manifest?.name ?? name),
  );
  if (outside !== undefined) {
    throw new TamperError(
      'FORMAT_INVALID',
      `the job of ${origin} names ${outside.name}, which is in none of the places`,
      {
        hint: 'Give audit work the places of audit enqueue. If it has them, somebody has changed the job in the queue.',
      },
    );
  }
  return { queued: digestOfJob(job), family: origin, files: files as FamilyJob['files'], ...rest };
}
