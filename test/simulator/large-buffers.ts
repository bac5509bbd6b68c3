/** From so many bytes on. */
const LARGE = 65_536;
/** How many bytes may wait: of many sizes few are asked for again. */
const IDLE_LIMIT = 64 * 2 ** 20;
let idleBytes = 0;
const idle = new Map<number, Buffer[]>();
let used: Buffer[] = [];

function large(size: number): Buffer {
  const known = idle.get(size)?.pop();
  if (known !== undefined) idleBytes -= size;
  const buffer = known ?? Buffer.allocUnsafeSlow(size);
  used.push(buffer);
  return buffer;
}

/** All that was given since the last call may be given again. */
export function reuseLargeBuffers(): void {
  if (idleBytes > IDLE_LIMIT) {
    idle.clear();
    idleBytes = 0;
  }
  for (const buffer of used) {
    const same = idle.get(buffer.length);
    if (same === undefined) idle.set(buffer.length, [buffer]);
    else same.push(buffer);
    idleBytes += buffer.length;
  }
  used = [];
}

/** Loads modules: what they allocate is theirs for ever. */
export function withLastingBuffers<T>(load: () => T): T {
  const before = used;
  used = [];
  try {
    return load();
  } finally {
    used = before;
  }
}

/** `Buffer`, whose large pieces are used again by the next schedule: to collect them costs more than anything that is done with them. */
export const ReusedBuffer: typeof Buffer = Object.setPrototypeOf(function ReusedBuffer() {}, Buffer);
Object.defineProperties(ReusedBuffer, {
  prototype: { value: Buffer.prototype },
  allocUnsafe: { value: (size: number) => (size >= LARGE ? large(size) : Buffer.allocUnsafe(size)) },
  allocUnsafeSlow: { value: (size: number) => (size >= LARGE ? large(size) : Buffer.allocUnsafeSlow(size)) },
});
