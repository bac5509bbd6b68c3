// A party that answers in every wrong way, in a process of its own: what it holds is not counted as the asker's. The way is the
// word `try-WAY` anywhere in the request. It prints its port, and those of `hostile-ports.mjs`, and ends with its standard input.
import { createServer } from 'node:net';
import { constants, createBrotliCompress, createGzip } from 'node:zlib';
import { openPorts, pour, ZEROS } from './hostile-ports.mjs';

const followed = new Set();

const head = (status, ...lines) => `HTTP/1.1 ${status} Said\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const chunked = 'transfer-encoding: chunked';
const text = 'content-type: text/plain';

const asChunk = (bytes) => Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
const endless =
  (status, ...lines) =>
  (socket) => {
    socket.write(head(status, chunked, ...lines));
    const chunk = asChunk(ZEROS);
    pour(socket, () => chunk);
  };

/** A packed answer that says little and unpacks to 400 MB. */
const bomb = (encoding, make) => (socket) => {
  socket.write(head(200, chunked, text, `content-encoding: ${encoding}`));
  const packer = make();
  packer.on('data', (bytes) => !socket.destroyed && socket.write(asChunk(bytes)));
  packer.on('end', () => !socket.destroyed && socket.end('0\r\n\r\n'));
  let left = 400;
  const feed = () => {
    while (left-- > 0) if (!packer.write(ZEROS)) return void packer.once('drain', feed);
    packer.end();
  };
  feed();
};

const redirect = (status) => (socket) =>
  socket.end(
    head(status, `location: http://127.0.0.1:${server.address().port}/followed-${status}`, 'content-length: 0'),
  );

const ways = {
  'endless-body': endless(200, text),
  'endless-refusal': endless(403, text),
  'endless-failure': endless(500, 'content-type: application/xml'),
  'endless-json-refusal': endless(400, 'content-type: application/x-amz-json-1.1'),
  'gzip-bomb': bomb('gzip', () => createGzip({ level: 1 })),
  'brotli-bomb': bomb('br', () => createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })),
  'endless-headers': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    let count = 0;
    pour(socket, () => Buffer.from(`x-${count++}: ${'y'.repeat(1000)}\r\n`));
  },
  'endless-trailers': (socket) => {
    socket.write(`${head(200, chunked, text, 'trailer: x')}0\r\n`);
    let count = 0;
    pour(socket, () => Buffer.from(`x-${count++}: ${'y'.repeat(1000)}\r\n`));
  },
  'endless-interim': (socket) =>
    pour(socket, () => Buffer.from('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'.repeat(500))),
  'stall-at-once': () => undefined,
  'stall-in-head': (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-'),
  'stall-in-body': (socket) => socket.write(`${head(200, 'content-length: 100', text)}abc`),
  'stall-in-refusal': (socket) => socket.write(`${head(403, 'content-length: 100', text)}abc`),
  'too-short': (socket) => socket.end(`${head(200, 'content-length: 100', text)}abc`),
  'too-long': (socket) => socket.end(`${head(200, 'content-length: 3', text)}${'abc'.repeat(1000)}`),
  garbage: (socket) => socket.end(Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * 7919) % 256))),
  nothing: (socket) => socket.end(),
  'garbage-body': (socket) => socket.end(`${head(200, 'content-length: 5', text)}\0\r\n\x1b[`),
  echo: (socket, asked) => socket.end(`${head(500, `content-length: ${asked.length}`, text)}${asked}`),
  'echo-as-garbage': (socket, asked) => socket.end(`HTTP/1.1 ${asked}`),
  ...Object.fromEntries([301, 302, 303, 307, 308].map((status) => [`redirect-${status}`, redirect(status)])),
};

/** What an honest authority answers, of whatever vendor: the party that is asked with it is the hostile one. */
const token = JSON.stringify({
  access_token: 'c4n4ryS3cr3tOf7heAsk3r',
  issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  token_type: 'Bearer',
  expires_in: 3600,
  expires_on: 4_102_444_800,
  resource: 'https://vault.azure.net',
  client_id: 'good',
});
const challenge = 'www-authenticate: Bearer authorization="https://localhost/t", resource="https://vault.azure.net"';

const server = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  let asked = '';
  socket.setEncoding('latin1').on('data', (part) => {
    if (asked.length < 1 << 20) asked += part;
    const end = asked.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(asked)?.[1] ?? 0);
    if (/\r\nexpect: 100-continue/i.test(asked) && asked.length === end + 4)
      socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    const chunks = /\r\ntransfer-encoding: chunked/i.test(asked);
    if (chunks ? !asked.endsWith('0\r\n\r\n') : asked.length < end + 4 + length) return;
    const request = asked;
    asked = '';
    const away = /\/followed-\d+/.exec(request.split('\r\n', 1)[0]);
    if (away !== null) followed.add(away[0]);
    if (request.startsWith('GET /followed ')) {
      const list = JSON.stringify([...followed]);
      followed.clear(); // each asker is told of its own
      return void socket.end(`${head(200, `content-length: ${list.length}`)}${list}`);
    }
    if (/^\S+ \/(?:good|identity\S*client_id=good)/.test(request)) {
      const json = 'content-type: application/json';
      return void socket.end(`${head(200, `content-length: ${token.length}`, json)}${token}`);
    }
    if (/^\S+ \S*asked-try-/.test(request) && !/\r\nauthorization: /i.test(request)) {
      return void socket.end(head(401, 'content-length: 0', challenge));
    }
    const way = /try-([a-z0-9-]+?)(?=-end)/.exec(request)?.[1];
    const act = ways[way];
    if (act === undefined) socket.end(head(404, 'content-length: 0'));
    else act(socket, request);
  });
});
const ports = await openPorts();
server.listen(0, '127.0.0.1', () =>
  process.stdout.write(`${JSON.stringify({ port: server.address().port, ways: Object.keys(ways), ports })}\n`),
);
process.stdin.resume().on('end', () => process.exit(0));
