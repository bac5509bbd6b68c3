/** A listing of a thousand names of 1 KB, each byte of them escaped, is not longer, in bytes. */
export const LONGEST_LISTING: number = 8 * 1024 * 1024;
/** No other reply that an SDK collects is longer, in bytes, and no refusal. */
export const LONGEST_REPLY: number = 64 * 1024;
