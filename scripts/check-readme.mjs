// Runs README.md as a reader would: in an empty folder, block after block, against the packed tarball.
// `js` blocks whose first line is `// NAME` are written to that file. `sh` blocks are run line by line in one shell; a
// line must end with exit code 0, or with N where it says `# exit N`. Each line of a `text` block (but `…`) must occur
// in what the `sh` block before it printed.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pack } from './lib/packed.mjs';
import { report, root } from './lib/run.mjs';

const blocks = [...readFileSync(`${root}README.md`, 'utf8').matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(
  ([, language, body]) => ({ language, body }),
);
const lines = readFileSync(`${root}README.md`, 'utf8').split('\n').length - 1;
const packed = pack();
const problems = lines > 150 ? [`README.md has ${lines} lines; 150 at most, so that it is read`] : [];
let commands = 0;
try {
  // One file holds what a block exported, so that the next block has it.
  const environment = join(packed.folder, '..', 'environment.sh');
  writeFileSync(environment, '');
  let printed = '';
  for (const { language, body } of blocks) {
    const name = /^\/\/ (\S+\.mjs)\n/.exec(body)?.[1];
    if (language === 'js' && name) writeFileSync(join(packed.folder, name), body);
    if (language === 'text') {
      for (const line of body.split('\n').map((part) => part.trim())) {
        if (line !== '' && line !== '…' && !printed.includes(line)) problems.push(`not printed: ${line}`);
      }
    }
    if (language !== 'sh') continue;
    printed = '';
    for (const line of body.split('\n').filter((part) => part.trim() !== '')) {
      commands += 1;
      const expected = Number(/# exit (\d+)/.exec(line)?.[1] ?? 0);
      const command = line.startsWith('npm install ') ? line.replace(/\bfapilog-tamper\b/, packed.tarball) : line;
      const script = `. "${environment}"\nset -o pipefail\n${command}\ncode=$?\nexport -p > "${environment}"\nexit $code\n`;
      const env = {
        ...process.env,
        npm_config_prefer_offline: 'true',
        npm_config_audit: 'false',
        npm_config_fund: 'false',
      };
      const result = spawnSync('bash', ['-c', script], { cwd: packed.folder, env, encoding: 'utf8', timeout: 120_000 });
      if (result.error) throw result.error;
      printed += result.stdout + result.stderr;
      console.log(`$ ${line}\n${result.stdout}${result.stderr}`.trimEnd());
      if (result.status !== expected) problems.push(`exit ${result.status}, not ${expected}: ${line}`);
    }
  }
} finally {
  packed.remove();
}
if (commands === 0) problems.push('README.md holds no command');
report(problems, `README.md: ${commands} commands passed, ${problems.length} failed`);
