// Parties that do not speak HTTP/1, and answer in every wrong way: a port for each way, so that no request has to name it.
import { createServer as createHttp2 } from 'node:http2';
import { createServer } from 'node:net';
import { gzipSync } from 'node:zlib';

/** An unbounded reader must not take the machine: an endless answer pauses for good after so many bytes. */
const MOST = 400_000_000;
export const ZEROS = Buffer.alloc(1 << 20);

/** Writes what `next` gives until the other side is gone. */
export function pour(socket, next) {
  let sent = 0;
  const more = () => {
    while (!socket.destroyed && sent < MOST) {
      const bytes = next();
      sent += bytes.length;
      if (!socket.write(bytes)) return;
    }
  };
  socket.on('drain', more);
  more();
}

const garbage = Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * 7919) % 256));
const int32 = (value) => Buffer.from(new Int32Array([value]).buffer).reverse();

/** Whatever a protocol is, at whatever point. */
const anywhere = {
  stall: () => undefined,
  close: (socket) => socket.end(),
  reset: (socket) => socket.resetAndDestroy(),
  garbage: (socket) => socket.write(garbage),
  'garbage-and-close': (socket) => socket.end(garbage),
  zeros: (socket) => pour(socket, () => ZEROS),
};

const each = (ways, make) => Object.fromEntries(Object.entries(ways).map(([name, act]) => [name, make(act)]));

/* Kafka: a length, the id of the request, and what was asked for. Every array here has one member or none. */

const varint = (value) => Buffer.from(value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]);
const text = (value) => Buffer.concat([varint(Buffer.byteLength(value) + 1), Buffer.from(value)]);
const bytes = (value) => Buffer.concat([varint(value.length + 1), value]);
const bits = (size, value) => {
  const buffer = Buffer.alloc(size / 8);
  if (size === 64) buffer.writeBigInt64BE(BigInt(value));
  else buffer.writeIntBE(value, 0, size / 8);
  return buffer;
};
const NONE = Buffer.from([0]);
const ONE = Buffer.from([2]);
const TOPIC_ID = Buffer.alloc(16, 7);
const framed = (body) => Buffer.concat([int32(body.length), body]);

const apis = [
  [1, 13, 17],
  [2, 7, 7],
  [3, 12, 12],
  [18, 3, 3],
];
const versions = () =>
  Buffer.concat([
    bits(16, 0),
    varint(apis.length + 1),
    ...apis.map(([key, least, most]) => Buffer.concat([bits(16, key), bits(16, least), bits(16, most), NONE])),
    bits(32, 0),
    NONE,
  ]);
const metadata = (topic, port) => {
  const broker = Buffer.concat([bits(32, 1), text('127.0.0.1'), bits(32, port), NONE, NONE]);
  const nodes = Buffer.concat([ONE, bits(32, 1)]);
  const partition = [bits(16, 0), bits(32, 0), bits(32, 1), bits(32, 0), nodes, nodes, Buffer.from([1]), NONE];
  const named = [bits(16, 0), text(topic), TOPIC_ID, NONE, ONE, ...partition, bits(32, 0), NONE];
  return Buffer.concat([NONE, bits(32, 0), ONE, broker, text('cluster'), bits(32, 1), ONE, ...named, NONE]);
};
const offsets = (topic, offset) => {
  const partition = [bits(32, 0), bits(16, 0), bits(64, 0), bits(64, offset), bits(32, 0), NONE];
  return Buffer.concat([NONE, bits(32, 0), ONE, text(topic), ONE, ...partition, NONE, NONE]);
};
const fetched = (records) => {
  const partition = [bits(32, 0), bits(16, 0), bits(64, 9), bits(64, 9), bits(64, 0), Buffer.from([1]), bits(32, -1)];
  const topic = [TOPIC_ID, ONE, ...partition, bytes(records), NONE, NONE];
  return Buffer.concat([NONE, bits(32, 0), bits(16, 0), bits(32, 0), ONE, ...topic, NONE]);
};
/** A batch that says of itself what it likes. */
const batch = (attributes, content, { count = 1, length = content.length + 49 } = {}) =>
  Buffer.concat([
    bits(64, 0),
    bits(32, length),
    bits(32, 0),
    Buffer.from([2]),
    bits(32, 0),
    bits(16, attributes),
    bits(32, 0),
    bits(64, 0),
    bits(64, 0),
    bits(64, -1),
    bits(16, -1),
    bits(32, -1),
    bits(32, count),
    content,
  ]);

/** By what is asked for: the number of the API. */
const points = { versions: 18, metadata: 3, offsets: 2, records: 1 };

const inKafka = {
  ...anywhere,
  'endless-frame': (socket) => {
    socket.write(int32(0x7fff_ffff));
    pour(socket, () => ZEROS);
  },
  'huge-and-stall': (socket) => socket.write(int32(0x7fff_ffff)),
  'negative-length': (socket) => socket.write(Buffer.concat([int32(-5), garbage])),
  'endless-frames': (socket) => {
    const frames = Buffer.concat(
      Array.from({ length: 1000 }, (_, at) => framed(Buffer.concat([int32(90_000 + at), garbage]))),
    );
    pour(socket, () => frames);
  },
  'too-short': (socket, { id }) => socket.write(framed(id)),
  'another-id': (socket) => socket.write(framed(Buffer.concat([int32(4711), garbage]))),
  'garbage-in-frame': (socket, { id }) => socket.write(framed(Buffer.concat([id, garbage]))),
  'huge-array': (socket, { id }) =>
    socket.write(
      framed(Buffer.concat([id, NONE, Buffer.alloc(6), Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]), garbage])),
    ),
  echo: (socket, { id, asked }) => socket.write(framed(Buffer.concat([id, NONE, asked]))),
};
const inRecords = {
  'wrong-length': () => batch(0, garbage, { length: 0x7fff_fff0 }),
  'negative-batch': () => batch(0, garbage, { length: -9 }),
  'countless-records': () => batch(0, garbage, { count: 0x7fff_ffff }),
  'garbage-batch': () => batch(1, garbage),
};
/** As many as an answer holds, each of which may stand alone, */
const MANY = 90;
const BOMB = 20_000_000;
/** or holds as many records as there can be: seven zeros are one. */
const TINY = { count: Math.floor(BOMB / 7) };
const repeated = (one) => Buffer.concat(Array.from({ length: MANY }, () => one));
const inUnpacked = {
  'gzip-bomb': () => batch(1, gzipSync(Buffer.alloc(MOST / 2))),
  'many-gzip-bombs': () => repeated(batch(1, gzipSync(Buffer.alloc(BOMB)))),
  'tiny-records': () => batch(0, Buffer.alloc(BOMB), TINY),
  'tiny-records-in-gzip': () => repeated(batch(1, gzipSync(Buffer.alloc(BOMB)), TINY)),
};

const withRecords =
  (make) =>
  (socket, { id }) =>
    socket.write(framed(Buffer.concat([id, fetched(make())])));
const kafkaWays = (point, faults) => each(faults, (fault) => (socket) => answerKafka(socket, points[point], fault));

/** Answers as a broker does until it is asked for `point`. */
function answerKafka(socket, point, fault) {
  let waiting = Buffer.alloc(0);
  socket.on('data', (part) => {
    waiting = Buffer.concat([waiting, part]);
    while (waiting.length >= 4 && waiting.length >= 4 + waiting.readInt32BE(0)) {
      const asked = waiting.subarray(4, 4 + waiting.readInt32BE(0));
      waiting = waiting.subarray(4 + asked.length);
      const [api, id] = [asked.readInt16BE(0), asked.subarray(4, 8)];
      const topic = /t-[a-z-]+/.exec(asked.toString('latin1'))?.[0] ?? 't';
      const isLatest = asked.includes(bits(64, -1));
      const port = socket.localPort;
      if (api === point) fault(socket, { id, asked });
      else if (api === points.versions) socket.write(framed(Buffer.concat([id, versions()])));
      else if (api === points.metadata) socket.write(framed(Buffer.concat([id, metadata(topic, port)])));
      else if (api === points.offsets) socket.write(framed(Buffer.concat([id, offsets(topic, isLatest ? 9 : 0)])));
    }
  });
}

/* Redis: lines. */

const inRedis = {
  ...anywhere,
  'endless-string': (socket) => {
    socket.write('$2147483647\r\n');
    pour(socket, () => ZEROS);
  },
  'endless-array': (socket) => {
    socket.write('*2147483647\r\n');
    const members = Buffer.from(':1\r\n'.repeat(10_000));
    pour(socket, () => members);
  },
  'endless-depth': (socket) => {
    const opened = Buffer.from('*1\r\n'.repeat(10_000));
    pour(socket, () => opened);
  },
  'endless-line': (socket) => {
    socket.write('+');
    pour(socket, () => Buffer.alloc(1 << 20, 'x'));
  },
  'endless-answers': (socket) => {
    const answers = Buffer.from('+OK\r\n'.repeat(10_000));
    pour(socket, () => answers);
  },
  'huge-and-stall': (socket) => socket.write('$2147483647\r\nabc'),
  'negative-length': (socket) => socket.write('$-7\r\n*-9\r\n'),
  'another-type': (socket) => socket.write('*1\r\n*1\r\n:5\r\n'),
  echo: (socket, asked) => socket.write(`-ERR ${asked.replaceAll(/\s+/g, ' ')}\r\n`),
};
const INFO = 'redis_version:7.0.0\r\nloading:0\r\nmaxmemory_policy:noeviction\r\n';

/** Answers as a Redis does to a login and to INFO, where that is before `point`. */
const redisWays = (point) =>
  Object.fromEntries(
    Object.entries(inRedis).map(([name, fault]) => [
      name,
      (socket) => {
        socket.setEncoding('latin1').on('data', (asked) => {
          if (point === 'login') return fault(socket, asked);
          let rest = asked.toLowerCase();
          for (const said of rest.match(/\r\n(?:auth|info|client|select|hello)\r\n/g) ?? []) {
            socket.write(said.includes('info') ? `$${INFO.length}\r\n${INFO}\r\n` : '+OK\r\n');
            rest = '';
          }
          if (rest !== '') fault(socket, asked);
        });
      },
    ]),
  );

/* gRPC: HTTP/2. */

const frame = (type, flags, stream, body) =>
  Buffer.concat([bits(24, body.length), Buffer.from([type, flags]), int32(stream), body]);
const settings = frame(4, 0, 0, Buffer.alloc(0));
const afterSettings = (act) => (socket) => socket.once('data', () => socket.write(settings, () => act(socket)));

const inHttp2 = {
  ...anywhere,
  'stall-after-settings': afterSettings(() => undefined),
  'garbage-after-settings': afterSettings((socket) => socket.write(garbage)),
  'endless-settings': afterSettings((socket) => {
    const many = Buffer.concat(Array.from({ length: 1000 }, () => settings));
    pour(socket, () => many);
  }),
  'endless-pings': afterSettings((socket) => {
    const many = Buffer.concat(Array.from({ length: 1000 }, () => frame(6, 0, 0, Buffer.alloc(8))));
    pour(socket, () => many);
  }),
  'endless-headers': afterSettings((socket) =>
    socket.on('data', () => {
      socket.write(frame(1, 0, 1, Buffer.from([0x88])));
      const more = frame(
        9,
        0,
        1,
        Buffer.concat([Buffer.from([0, 1, 0x78, 0x7f, 0x80, 0x7f]), Buffer.alloc(16_000, 'y')]),
      );
      pour(socket, () => more);
    }),
  ),
  'go-away': afterSettings((socket) => socket.write(frame(7, 0, 0, Buffer.concat([int32(0), int32(11), garbage])))),
};

const typed = { ':status': 200, 'content-type': 'application/grpc' };
const message = (body, isPacked = 0) => Buffer.concat([Buffer.from([isPacked]), bits(32, body.length), body]);
const inCalls = {
  'stall-in-call': () => undefined,
  'stall-in-answer': (stream) => {
    stream.respond(typed);
    stream.write(Buffer.from([0, 0, 0, 1, 0, 7]));
  },
  'endless-message': (stream) => {
    stream.respond(typed);
    stream.write(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]));
    pour(stream, () => ZEROS);
  },
  'endless-messages': (stream) => {
    stream.respond(typed);
    const one = message(Buffer.alloc(1000));
    pour(stream, () => one);
  },
  'gzip-bomb': (stream) => {
    stream.respond({ ...typed, 'grpc-encoding': 'gzip' });
    stream.end(message(gzipSync(Buffer.alloc(MOST / 2)), 1));
  },
  'garbage-message': (stream) => {
    stream.respond(typed);
    stream.end(message(garbage));
  },
  'long-refusal': (stream) =>
    stream.respond({ ...typed, 'grpc-status': '7', 'grpc-message': 'y'.repeat(60_000) }, { endStream: true }),
  'endless-page': (stream) => {
    stream.respond({ ':status': 502, 'content-type': 'text/html' });
    pour(stream, () => ZEROS);
  },
  echo: (stream, headers) =>
    stream.respond(
      { ...typed, 'grpc-status': '7', 'grpc-message': encodeURIComponent(JSON.stringify(headers)) },
      { endStream: true },
    ),
  redirect: (stream) => stream.respond({ ':status': 307, location: '/elsewhere' }, { endStream: true }),
};

const byConnection = (act) => () => createServer(act);
const byCall = (act) => () =>
  createHttp2().on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    act(stream, headers);
  });

const parties = {
  'kafka-versions': each(kafkaWays('versions', inKafka), byConnection),
  'kafka-metadata': each(kafkaWays('metadata', inKafka), byConnection),
  'kafka-offsets': each(kafkaWays('offsets', inKafka), byConnection),
  'kafka-records': each(kafkaWays('records', { ...inKafka, ...each(inRecords, withRecords) }), byConnection),
  'kafka-unpacked': each(
    kafkaWays('records', { zeros: anywhere.zeros, ...each(inUnpacked, withRecords) }),
    byConnection,
  ),
  'redis-login': each(redisWays('login'), byConnection),
  'redis-commands': each(redisWays('commands'), byConnection),
  'gcp-kms-grpc': { ...each(inHttp2, byConnection), ...each(inCalls, byCall) },
};

/** Opens a port for each way of each party. @returns the ports by party and way */
export async function openPorts() {
  const ports = {};
  for (const [party, ways] of Object.entries(parties)) {
    ports[party] = {};
    for (const [way, open] of Object.entries(ways)) {
      const server = open();
      server.on('connection', (socket) => socket.on('error', () => socket.destroy()));
      server.on('session', (session) => session.on('error', () => session.destroy()));
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
      ports[party][way] = server.address().port;
    }
  }
  return ports;
}
