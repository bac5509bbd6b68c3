import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** What systemd says about units whose programs are at home elsewhere: each absolute path of a program becomes `true`'s. */
export function unitProblems(files, folder) {
  const copies = files.map((file) => {
    const copy = join(folder, basename(file));
    writeFileSync(copy, readFileSync(file, 'utf8').replaceAll(/^(Exec\w+=)\S+/gm, '$1/bin/true'));
    return copy;
  });
  const problems = said(['verify', '--man=no', ...copies]);
  const services = copies.filter((copy) => copy.endsWith('.service'));
  for (const copy of services) {
    // Exposure of 10 is everything, 0 nothing; a network service without privileges comes to about 2.
    problems.push(...said(['security', '--offline=true', '--threshold=30', '--no-pager', copy], true));
  }
  return problems;
}

function said(args, codeOnly = false) {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  if (codeOnly) return status === 0 ? [] : [`${args.at(-1)}: ${stdout.trim().split('\n').at(-1)}${stderr}`];
  return status === 0 && stderr.trim() === '' ? [] : stderr.trim().split('\n');
}
