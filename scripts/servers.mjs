// node scripts/servers.mjs install [NAME…]: installs the servers of the integration tests and what else they need, with progress on
// standard error. It may be run again, and by several processes at once; what is installed lies outside the tree.
import '../test/child/typescript.mjs';

const [command, ...names] = process.argv.slice(2);
if (command !== 'install') {
  console.error('usage: node scripts/servers.mjs install [NAME…]');
  process.exit(64);
}
const { install } = await import('../test/servers/install.ts');
try {
  await install(names);
} catch (error) {
  console.error(`ERROR: ${error.message}`);
  process.exit(1);
}
