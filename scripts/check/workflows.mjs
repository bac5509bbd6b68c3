// The workflows of .github/, and its update bot: actionlint (Go) and zizmor (PyPI), with no word of complaint.
import { spawnSync } from 'node:child_process';
import { goTool } from '../lib/go-tools.mjs';
import { pythonTools } from '../lib/python-tools.mjs';
import { report, root } from '../lib/run.mjs';

const problems = [];
for (const [name, command, args] of [
  ['actionlint', goTool('actionlint'), []],
  [
    'zizmor',
    `${pythonTools('zizmor')}/zizmor`,
    ['--offline', '--no-progress', '.github/workflows', '.github/dependabot.yml'],
  ],
]) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) problems.push(`${name}:\n${stdout}${stderr}`);
}
report(problems, 'actionlint and zizmor agree');
