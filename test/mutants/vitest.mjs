// The unit tests of a copy, in the order of $MUTANTS_ORDER (a file of names, one a line), or with the lines that they run written
// into $MUTANTS_COVERAGE.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import base from '../../vitest.config.ts';

const { MUTANTS_ORDER: order, MUTANTS_COVERAGE: coverage } = process.env;
const names = order === undefined ? [] : readFileSync(order, 'utf8').split('\n');
const measured = coverage === undefined ? [] : readdirSync(coverage).filter((name) => name.endsWith('.json'));
const unit = base.test.projects.find(({ test }) => test.name === 'unit');
const place = ({ moduleId }) => names.indexOf(relative(process.cwd(), moduleId));

class Sequencer {
  shard = (files) => files;
  sort = (files) => (order === undefined ? files : files.sort((a, b) => place(a) - place(b)));
}

export default {
  ...base,
  test: {
    ...base.test,
    sequence: { sequencer: Sequencer },
    projects: [
      {
        ...unit,
        test: {
          ...unit.test,
          include: order === undefined ? unit.test.include : names.filter((name) => existsSync(name)),
          exclude: [
            ...unit.test.exclude,
            ...measured.map((name) => name.slice(0, -'.json'.length).replaceAll('!', '/')),
          ],
          setupFiles: coverage === undefined ? [] : ['./test/mutants/lines-hit.mjs'],
        },
      },
    ],
  },
};
