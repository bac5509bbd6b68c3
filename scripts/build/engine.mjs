// npm run build -- engine [-- --platform PLATFORM… | --all]: builds the native engine with cargo. Without arguments that of this
// machine into engine/PLATFORM.node, where a checkout looks for it first; with them what can be published into engine/built/,
// linked by zig against the oldest C libraries that we support.
import { parseArgs } from 'node:util';
import { report, root } from '../lib/run.mjs';
import { buildFor, buildHere, hindrance } from './engine/cargo-build.mjs';
import { builtFile, namedPlatforms, thisPlatform } from './engine/platforms.mjs';
import { hindrances } from './engine/shared-object.mjs';

const { values } = parseArgs({
  options: { all: { type: 'boolean' }, platform: { type: 'string', multiple: true } },
});
const names = namedPlatforms(values);
const hindered = hindrance();
if (hindered !== undefined) report([hindered]);

if (names === undefined) {
  const name = thisPlatform();
  const code = buildHere(name, `${root}engine/${name}.node`);
  if (code !== 0) process.exit(code);
  console.log(`built engine/${name}.node`);
} else {
  for (const name of names) {
    const code = buildFor(name, builtFile(name));
    if (code !== 0) process.exit(code);
  }
  report(hindrances(names), `built engine/built/{${names.join(',')}}.node`);
}
