import { openStorage } from '../../../src/providers/open-storage.ts';
import { parseLocation } from '../../../src/storage/location.ts';

// Lists a location and says as JSON what came of it: a program, because certificates are named when a process starts.
try {
  const store = await openStorage(parseLocation(process.argv[2]));
  const keys = [];
  for await (const page of store.list('')) keys.push(...page.map(({ key }) => key));
  process.stdout.write(JSON.stringify({ keys }));
} catch (error) {
  process.stdout.write(JSON.stringify({ code: error.code, message: error.message }));
}
