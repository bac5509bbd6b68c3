// syslog-ng's secure logging: as its tool encrypts a file, and as the daemon does it line by line.
import { closeSync, mkdirSync, openSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cost } from '../lib/command/process-cost.mjs';
import { unpacked, versionOf } from './debian.mjs';

const BUFFER = '10000'; // lines that slogverify takes at once
const IMPORTED = /All data successfully imported/;
const WHOLE = /All entries recovered successfully[\s\S]*Aggregated MAC matches/;

/** @throws why it cannot be run here */
export function slog() {
  const { root, env } = unpacked('syslog-ng', ['syslog-ng-core', 'syslog-ng-mod-slog']);
  const program = (name) => join(root, 'usr/bin', name);
  const daemon = join(root, 'usr/sbin/syslog-ng');
  const version = versionOf(daemon, env);
  const [, release] = /\((\d+\.\d+)/.exec(version);
  const modules = join(root, 'usr/lib/syslog-ng', release);

  /** A folder with a new key, as `first.key` and `host.key`; `work` is given how to run a program there. */
  function inFolder(folder, cpu, work) {
    const cwd = join(folder, 'slog');
    mkdirSync(cwd);
    const run = (argv, more) => cost(argv, { env, cwd, cpu, ...more });
    try {
      run([program('slogkey'), '-m', 'master.key']);
      for (const key of ['first.key', 'host.key']) {
        run([program('slogkey'), '-d', 'master.key', '00:00:5e:00:53:01', '1234', key]);
      }
      return work(run, cwd);
    } finally {
      rmSync(cwd, { recursive: true, force: true });
    }
  }

  /** @returns CPU seconds. @throws where not every line of `input` comes back */
  function verified(run, cwd, mac, input) {
    const { seconds, stdout, stderr } = run([
      program('slogverify'),
      '-k',
      'first.key',
      '-m',
      mac,
      'sealed',
      'back',
      BUFFER,
    ]);
    if (!WHOLE.test(stdout + stderr)) throw new Error(`slogverify: ${stdout}${stderr}`);
    if (lastLine(join(cwd, 'back')).replace(/^[0-9a-f]+: /, '') !== lastLine(input)) {
      throw new Error('slogverify gave other lines back');
    }
    return seconds;
  }

  function tool({ folder, input, cpu }) {
    return inFolder(folder, cpu, (run, cwd) => {
      writeFileSync(join(cwd, 'none.mac'), '');
      const argv = [
        program('slogencrypt'),
        '-k',
        'host.key',
        '-m',
        'none.mac',
        'next.key',
        'next.mac',
        input,
        'sealed',
      ];
      // of a log that begins it says that there is no MAC yet, ends with 1, and has done its work
      const succeeded = (_status, said) => IMPORTED.test(said);
      const { seconds } = run(argv, { succeeded });
      return { seal: seconds, verify: verified(run, cwd, 'next.mac', input) };
    });
  }

  function live({ folder, input, cpu }) {
    return inFolder(folder, cpu, (run, cwd) => {
      const template = `$(slog -k ${cwd}/host.key -m ${cwd}/host.mac $MESSAGE)\\n`;
      writeFileSync(
        join(cwd, 'conf'),
        `@version: ${release}
@module secure-logging
source s { stdin(flags(no-parse)); };
destination d { file("${cwd}/sealed" template("${template}")); };
log { source(s); destination(d); flags(flow-control); };
`,
      );
      const own = ['--persist-file', 'persist', '--control', 'control', '--pidfile', 'pid'];
      const argv = [daemon, '-F', '--no-caps', `--module-path=${modules}`, '-f', 'conf', ...own];
      const { seconds } = run(argv, { piped: input });
      return { seal: seconds, verify: verified(run, cwd, 'host.mac', input) };
    });
  }

  return [
    { name: 'syslog-ng slog, slogencrypt', version, round: tool },
    { name: 'syslog-ng slog, daemon', version, round: live },
  ];
}

function lastLine(path) {
  const file = openSync(path, 'r');
  try {
    const { size } = statSync(path);
    const end = Buffer.alloc(Math.min(size, 4_096));
    readSync(file, end, 0, end.length, size - end.length);
    return end.toString('latin1').trimEnd().split('\n').at(-1);
  } finally {
    closeSync(file);
  }
}
