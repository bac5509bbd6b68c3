/** From so many bytes on. */
const LARGE = 65_536;
const idle = new Map<number, Buffer[]>();
let used: Buffer[] = [];

function large(size: number): Buffer {
  const buffer = idle.get(size)?.pop() ?? Buffer.allocUnsafeSlow(size);
  used.push(buffer);
  return buffer;
}

/** All that was given since the last call may be given again. */
export function reuseLargeBuffers(): void {
  for (const buffer of used) {
    const same = idle.get(buffer.length);
    if (same === undefined) idle.set(buffer.length, [buffer]);
    else if (same.length < 32) same.push(buffer);
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
