import { pino } from 'pino';
import { expect, it } from 'vitest';
import { read, start, workplace } from './workplace.ts';

it.each([
  ['pino(sealer)', (sealer: ReturnType<typeof start>) => pino(sealer)],
  ['pino(options, sealer)', (sealer: ReturnType<typeof start>) => pino({ base: null }, sealer)],
])('%s logs into the sealed file', async (_name, make) => {
  const { file, options, provider } = workplace(['audit']);
  const sealer = start(options());
  const log = make(sealer);
  log.info({ user: 'ada' }, 'paid');
  log.error(new Error('refused'));
  await sealer.close();
  const stream = await read([file], provider);
  const lines = stream.entries.flatMap((entry) => (entry.kind === 'record' ? [JSON.parse(entry.line)] : []));
  expect(lines).toMatchObject([
    { level: 30, user: 'ada', msg: 'paid' },
    { level: 50, err: { message: 'refused' } },
  ]);
});
