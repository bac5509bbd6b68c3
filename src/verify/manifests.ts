import { basename } from 'node:path';
import { isTamperError } from '../errors.ts';
import { parseSignedCheckpoint } from '../format/checkpoint.ts';
import { type Manifest, readManifest } from '../format/manifest.ts';
import { handleCheckpoint } from './checkpoint-lines.ts';
import type { FileFacts, FileFactsCollector } from './file-facts.ts';
import { readText } from './read-text.ts';
import type { StreamState } from './state.ts';

/** Manifests beside closed files: every field is recomputed, a wrong one is a finding (spec 7, M7.1). */

const SUFFIX = '.manifest.json';
/** The note in it has at most 64 KiB; no manifest is longer, in bytes. */
const MANIFEST_LIMIT = 1024 * 1024;

/** The name of a file before it was compressed. */
function plainName(file: string): string {
  return file.endsWith('.gz') ? file.slice(0, -3) : file;
}

/** The text of the manifest of a file: the one given for its base name, else the one beside it; undefined without one. */
export async function findManifest(file: string, given: readonly string[]): Promise<string | undefined> {
  const own = plainName(file) + SUFFIX;
  const named = given.find((path) => basename(path) === basename(own));
  try {
    return await readText(named ?? own, MANIFEST_LIMIT);
  } catch (error) {
    if (named === undefined && isTamperError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

function firstWrong(
  manifest: Manifest,
  facts: FileFacts,
  { state, converted }: { readonly state: StreamState; readonly converted: boolean },
  file: string,
): string | undefined {
  if (manifest.origin !== state.auditor.origin) return 'origin';
  if (manifest.file !== basename(plainName(file))) return 'file';
  for (const name of Object.keys(facts) as (keyof FileFacts)[]) {
    if (name === 'sha256' && converted) continue;
    if (name === 'root' && (facts.root === undefined || state.broken)) continue;
    if (manifest[name] !== facts[name]) return name;
  }
  return undefined;
}

/** What the tree was before the file's first entry, where that belongs to this stream. */
function continuesWrong(
  { continues_from: from }: Manifest,
  collector: FileFactsCollector,
  state: StreamState,
): boolean {
  const { before } = collector;
  if (before === undefined || from === undefined || from.origin !== state.auditor.origin) return false;
  return from.size !== before.size || from.root !== before.root;
}

function noteWrong(manifest: Manifest): string | undefined {
  const note = parseSignedCheckpoint(manifest.checkpoint);
  const first = note?.signatures[0]?.bytes.toString('base64');
  if (note === undefined || note.size !== manifest.size || note.origin !== manifest.origin) return 'checkpoint';
  return first === manifest.signature ? undefined : 'signature';
}

/** Checks the manifest of a file that has been read; its checkpoint counts like a line of the file. */
export async function checkManifest(
  state: StreamState,
  file: string,
  text: string,
  facts: FileFactsCollector,
): Promise<void> {
  const say = (message: string): void =>
    state.findings.add('MANIFEST_WRONG', { file: plainName(file) + SUFFIX }, message);
  const reading = readManifest(text);
  if ('problem' in reading) {
    say(`the manifest cannot be taken: ${reading.problem.message}`);
    return;
  }
  const { manifest } = reading;
  const own = facts.at(manifest.last_seq);
  if (own === undefined) {
    say(`the manifest says that the file ends with entry ${manifest.last_seq}; no close stands there`);
    return;
  }
  const wrong =
    firstWrong(manifest, own, { state, converted: facts.converted }, file) ??
    (continuesWrong(manifest, facts, state) ? 'continues_from' : undefined) ??
    noteWrong(manifest);
  if (wrong === undefined) await handleCheckpoint(state, manifest.checkpoint, 0);
  else if (state.broken)
    return; // the file was altered, which is reported
  else say(`the manifest's "${wrong}" is not what the file says`);
}
