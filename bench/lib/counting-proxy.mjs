// What stands between a program and the emulator of a bucket, and counts.
import { once } from 'node:events';
import http from 'node:http';

/**
 * Counts requests to a bucket of bucket.mjs by what they are for, and the bytes of objects that came back; passes them on.
 *
 * @returns {Promise<{ url: string, counts: { list: number, get: number, got: number, put: number }, reset: () => void, close: () => void }>}
 */
export async function countingProxy({ endpoint, isList }) {
  const counts = { list: 0, get: 0, got: 0, put: 0 };
  const agent = new http.Agent({ keepAlive: true });
  const server = http.createServer((request, response) => {
    const { method, url, headers } = request;
    if (method !== 'GET') counts.put++;
    else if (isList(url)) counts.list++;
    else counts.get++;
    const onward = http.request(new URL(url, endpoint), { method, headers, agent }, (reply) => {
      response.writeHead(reply.statusCode, reply.headers);
      if (method === 'GET' && !isList(url)) reply.on('data', ({ length }) => (counts.got += length));
      reply.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    counts,
    reset: () => Object.assign(counts, { list: 0, get: 0, got: 0, put: 0 }),
    close: () => server.close(),
  };
}
