/** What a worker tells of itself. */
export type WorkerEvent =
  | { readonly what: 'began'; readonly origin: string; readonly attempt: number }
  /** In bytes. */
  | { readonly what: 'progress'; readonly origin: string; readonly read: number; readonly total: number }
  | { readonly what: 'done'; readonly origin: string }
  /** The attempt came to nothing. */
  | { readonly what: 'failed'; readonly origin: string; readonly why: string }
  /** Another worker has the job, since this one did not answer for too long: what this one finds counts no more. */
  | { readonly what: 'lost'; readonly origin: string }
  /** A job whose worker does not answer any more waits for another one. */
  | { readonly what: 'taken over' }
  | { readonly what: 'trouble'; readonly why: string };
