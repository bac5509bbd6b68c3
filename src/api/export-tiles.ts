import { resolve, sep } from 'node:path';
import { TamperError } from '../errors.ts';
import { realPathOf } from '../foundation/real-path.ts';
import { openStorage } from '../providers/open-storage.ts';
import { isLocation, parseLocation } from '../storage/location.ts';
import { type ExportedTiles, exportTiles } from '../verify/export-tiles.ts';
import { DirectoryTiles, type TileDestination } from '../verify/tiles/directory-tiles.ts';
import { withKeys } from './open-keys.ts';
import { checkExportOptions, type ExportTilesOptions } from './proof-options.ts';

/** As `exportTiles`, with the options of the package. */
export async function exportTilesAs(options: ExportTilesOptions): Promise<ExportedTiles> {
  checkExportOptions(options);
  const { tiles, noteKeys, ...rest } = options;
  return withDestination(rest.paths, tiles, (destination) =>
    withKeys(rest, (input) => exportTiles({ ...input, destination, noteKeys })),
  );
}

/** Opens the directory or bucket that tiles go to, and closes it. @throws {@link TamperError} `USAGE`, what opening and `run` throw */
export async function withDestination<R>(
  paths: readonly string[],
  tiles: string,
  run: (destination: TileDestination) => Promise<R>,
): Promise<R> {
  for (const path of paths) {
    if (path === '-' || isLocation(path) !== isLocation(tiles)) continue;
    const [log, target] = isLocation(path)
      ? [path, tiles]
      : [await realPathOf(resolve(path)), await realPathOf(resolve(tiles))];
    const slash = isLocation(path) ? '/' : sep;
    if (!`${target}${slash}`.startsWith(log.endsWith(slash) ? log : `${log}${slash}`)) continue;
    throw new TamperError('USAGE', `the tiles ${tiles} are in ${path}, which is to be verified`, {
      hint: 'Name a place elsewhere: every file in that one is read as part of the log.',
    });
  }
  const destination = isLocation(tiles) ? await bucketOf(tiles) : new DirectoryTiles(tiles);
  try {
    return await run(destination);
  } finally {
    destination.close();
  }
}

async function bucketOf(tiles: string): Promise<TileDestination> {
  const location = parseLocation(tiles);
  const prefix = location.prefix === '' ? '' : location.prefix.replace(/\/*$/, '/');
  const storage = await openStorage(location);
  return {
    name: `${storage.name}/${prefix}`.replace(/\/$/, ''),
    get: async (key, limit) => storage.get(prefix + key, limit),
    put: async (key, bytes, ifVersion) =>
      storage.put(
        prefix + key,
        bytes,
        ifVersion,
        undefined,
        key.startsWith('tile/') ? 'application/octet-stream' : undefined,
      ),
    tiles: async function* () {
      for await (const page of storage.list(`${prefix}tile/`))
        for (const { key, size } of page) yield { key: key.slice(prefix.length), size };
    },
    close: () => storage.close(),
  };
}
