import { gunzipSync } from 'node:zlib';
import { LOG } from './machine.ts';
import type { World } from './world.ts';

/** Everything beside the log by name, and what was moved away: `ino` says in which order files were made. */
export function contentsOf(world: World): Map<string, { content: Buffer; ino: number }> {
  if (world.isPiped) return new Map([['a.jsonl', { content: world.machine.pipe.content, ino: 0 }]]);
  const names = [...(world.machine.mounts.get(LOG)?.root.names ?? [])].filter(([, { isDirectory }]) => !isDirectory);
  const there = names.map(([name, { content, ino }]) => [name, { content: Buffer.from(content), ino }] as const);
  // a power cut may bring back what was moved away
  const away = [...world.archive].filter(([, { ino }]) => there.every(([, one]) => one.ino !== ino));
  return new Map([...away, ...there]);
}

/** Files of the log by name, uncompressed, in the order in which they were begun. */
export function logFiles(world: World): Map<string, Buffer> {
  const names = contentsOf(world);
  // a crash may bring back what was compressed; and what is moved away while it is compressed leaves a copy behind
  const isTwice = (name: string): boolean =>
    name.endsWith('.gz') && (names.has(name.slice(0, -3)) || names.has(`archive/${name.slice(0, -3)}`));
  const files = [...names]
    .filter(([name]) => /^(?:archive\/)?(?:\d+-)?a\..*jsonl(?:\.\d+|\.gz)?$/.test(name) && !isTwice(name))
    .map(([name, { content, ino }]) => ({ name, ino, bytes: name.endsWith('.gz') ? gunzipSync(content) : content }));
  const first = (bytes: Buffer): number => Number(/"seq":(\d+)/.exec(bytes.toString('latin1'))?.[1] ?? 0);
  if (!world.isChain) return new Map(files.sort((a, b) => first(a.bytes) - first(b.bytes)).map(({ name, bytes }) => [name, bytes]));
  return new Map(files.sort((a, b) => a.ino - b.ino).map(({ name, bytes }) => [name, bytes]));
} // biome-ignore format: short
