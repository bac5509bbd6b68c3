import { TamperError } from '../../errors.ts';
import { closing, exportTilesWith } from '../../internal.ts';
import { type Command, command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { text } from '../flags.ts';
import { print, printable } from '../output.ts';
import { progressOn } from '../progress.ts';
import { noteKeyFlag, noteKeysOf, verifyFlags, verifyRequest } from '../verify-request.ts';
import { verdictText } from '../verify-text.ts';

/** `fapilog-tamper export` */
export const exportCommand: Command = command(
  {
    usage: 'PATH…|- --tiles DIR|s3://… --origin NAME|--policy FILE --public-key FILE …',
    examples: [
      '% audit/ --tiles /srv/tiles --origin audit.example.com/app --public-key audit.key.pub',
      '% audit/ --tiles s3://example-tiles/app --policy policy.yaml',
    ],
    about: [
      'Writes a log as C2SP tlog-tiles, so that other people\'s tools can read and check it: verifies the log as "verify" does and, if the verdict is ok, writes hash tiles, bundles of entries, and last the newest signed checkpoint. Run it again as the log grows: it reads what is there, compares it with the log, and writes what is missing; nothing is overwritten but the checkpoint.',
      'Of a record with a salt a bundle has its commitment alone, so its line stays private; without salts everybody who reads the tiles reads the lines. All other flags are those of verify; --jobs has no effect. Nothing is written unless the verdict is ok (exit codes as with verify), or if anything else is among the tiles.',
    ],
    flags: {
      tiles: text(
        'PLACE',
        'where the tiles go: a directory, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://ACCOUNT/CONTAINER/PREFIX',
      ),
      'note-key': noteKeyFlag('checkpoint'),
      ...verifyFlags,
    },
    takesConfig: true,
  },
  async (call, io) => {
    const { tiles } = call.flags;
    if (tiles === undefined) throw new TamperError('USAGE', 'where do the tiles go? name a place with --tiles DIR');
    const noteKeys = await noteKeysOf(call.flags['note-key']);
    const { options, close } = await verifyRequest(call, io);
    const progress = progressOn(io.stderr);
    const work = exportTilesWith({ ...options, noteKeys, onProgress: progress.show }, tiles);
    const { report, exported, refusal } = await closing(work, async () => {
      progress.end();
      await close();
    });
    if (exported === undefined) {
      const why = refusal === undefined ? verdictText(report, 'normal') : `export: ${printable(refusal.message)}\n`;
      await print(io.stderr, why);
      return report.verdict === 'tampered' ? exitCode.finding : exitCode.undecided;
    }
    const { origin, size, before, files, readable } = exported;
    const warning = 'export: the log has records without a salt: anyone who reads the tiles can read their lines';
    if (readable && files > 0) await print(io.stderr, `${warning}\n`);
    const what = `${size} entries of ${origin} (${size - before} new), ${files} files written to ${tiles}`;
    await print(io.stdout, `${printable(what)}\n`);
    return exitCode.done;
  },
);
