import { isError, isTamperError } from '../../errors.ts';
import { check } from './check.ts';
import { areProofsAlone, checkProofs } from './check-proofs.ts';
import type { Answer, Failure, Request } from './request.ts';

/** The worker of the page: one verification, then it is ended. */

const EVERY_MS = 100;
let told = 0;

function answer(what: Answer): void {
  postMessage(what);
}

function failureOf(error: unknown): Failure {
  if (isTamperError(error)) return { code: error.code, message: error.message, hint: error.hint };
  const message = isError(error) ? (error.stack ?? error.message) : String(error);
  return { code: 'INTERNAL', message, hint: 'This is a bug in fapilog-tamper: please report it.' };
}

async function run(request: Request): Promise<void> {
  try {
    if (areProofsAlone(request)) {
      answer({ kind: 'proofs', report: await checkProofs(request) });
      return;
    }
    const { report, known } = await check(request, (read, total) => {
      const now = Date.now();
      if (now - told < EVERY_MS) return;
      told = now;
      answer({ kind: 'progress', read, total });
    });
    answer({ kind: 'report', report, known });
  } catch (error) {
    answer({ kind: 'failure', failure: failureOf(error) });
  }
}

addEventListener('message', ({ data }) => {
  void run(data as Request); // the page alone can send to its worker
});
