import { fstatSync, read } from 'node:fs';
import { Socket, type SocketConstructorOpts, type TcpSocketConnectOpts } from 'node:net';
import { promisify } from 'node:util';
import { TamperError } from '../../errors.ts';
import { bytesOfStream, type InputBytes } from './input-bytes.ts';

const STDIN = 0;
/** How much is read at once, in bytes. */
const CHUNK = 524_288;
/** How much of a line that a chunk cut finds room before the next one, in bytes. */
const ROOM = 65_536;

/**
 * Standard input, read into one place again and again. The stream that Node.js makes of it takes new memory for every 64 KiB,
 * which costs more than reading them.
 */
export function standardInput(): InputBytes {
  const kind = fstatSync(STDIN);
  if (kind.isDirectory()) {
    throw new TamperError('READ_FAILED', 'standard input is a directory, not lines', {
      hint: 'Name a file: fapilog-tamper seal --out FILE < application.log',
    });
  }
  if (kind.isFile()) return bytesOfFile();
  // Bun's sockets read nothing from a descriptor that they are given
  if ((kind.isFIFO() || kind.isSocket()) && process.versions['bun'] === undefined) return new SocketBytes();
  return bytesOfStream(process.stdin); // a terminal, /dev/null
}

function place(): Buffer {
  return Buffer.allocUnsafeSlow(ROOM + CHUNK).subarray(ROOM);
}

const readFile = promisify(read);

function bytesOfFile(): InputBytes {
  const buffer = place();
  return {
    room: ROOM,
    stays: true,
    async next() {
      const { bytesRead } = await readFile(STDIN, buffer, 0, CHUNK, null); // from where whoever opened it has come
      return bytesRead === 0 ? undefined : buffer.subarray(0, bytesRead);
    },
    close() {
      // nothing is under way that outlives a read from a file
    },
  };
}

/** Whoever waits for the next chunk. */
interface Waiting {
  readonly resolve: (bytes: Buffer | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** A pipe or a socket. It is read from only while somebody waits. */
class SocketBytes implements InputBytes {
  readonly room = ROOM;
  readonly stays = false;
  readonly #socket: Socket;
  readonly #buffer = place();
  /** How much has come that nobody has asked for yet: a socket reads once as soon as it is there. */
  #unasked = 0;
  #ended = false;
  #failure: Error | undefined;
  #waiting: Waiting | undefined;

  constructor() {
    const callback = (length: number): boolean => {
      const waiting = this.#settle();
      if (waiting === undefined) this.#unasked = length;
      else waiting.resolve(this.#buffer.subarray(0, length));
      return false; // the place is the reader's until it asks for more
    };
    // its types have onread where its documentation once stood, with connect()
    const options: SocketConstructorOpts & Pick<TcpSocketConnectOpts, 'onread'> = {
      fd: STDIN,
      readable: true,
      writable: false,
      onread: { buffer: this.#buffer, callback },
    };
    const socket = new Socket(options);
    this.#socket = socket;
    // this descriptor can have one stream only: process.stdin, which each import of node:process touches, is ours
    Object.defineProperty(process, 'stdin', { configurable: true, enumerable: true, get: () => socket });
    this.#socket.on('error', (error) => {
      this.#failure = error;
      this.#settle()?.reject(error);
    });
    const end = (): void => {
      this.#ended = true;
      this.#settle()?.resolve(undefined);
    };
    this.#socket.on('end', end).on('close', end);
  }

  next(): Promise<Buffer | undefined> {
    if (this.#unasked > 0) {
      const chunk = this.#buffer.subarray(0, this.#unasked);
      this.#unasked = 0;
      return Promise.resolve(chunk);
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.resume();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Whoever waits is answered once. */
  #settle(): Waiting | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }
}
