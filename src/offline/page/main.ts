import { isError } from '../../errors.ts';
import { visible } from '../../report/html/markup.ts';
import { element } from './element.ts';
import type { Answer, Failure, Request } from './request.ts';
import { clearResult, showFailure, showProofs, showReport } from './result.ts';
import { Zones } from './zones.ts';

/** The page: it gathers what is dropped, starts the worker, shows what it answers. */

/** The program of the worker. The build puts it in. */
declare const WORKER: string;

const zones = new Zones({ changed, tell: say, failed: showLost });
const verify = element('verify', HTMLButtonElement);
const cancel = element('cancel', HTMLButtonElement);
const progress = element('progress', HTMLProgressElement);
let worker: Worker | undefined;

function begin(request: Request): void {
  const url = URL.createObjectURL(new Blob([WORKER], { type: 'text/javascript' }));
  worker = new Worker(url);
  URL.revokeObjectURL(url);
  worker.addEventListener('message', ({ data }) => take(data as Answer, request)); // our worker alone sends
  worker.addEventListener('error', ({ message }) => {
    const hint = 'Verify on the command line instead: verify.mjs.';
    end();
    showFailure({ code: 'INTERNAL', message: `the worker failed: ${message}`, hint });
  });
  worker.postMessage(request);
  running(true);
  say('Verifying …');
}

function take(answer: Answer, request: Request): void {
  if (answer.kind === 'progress') {
    showProgress(answer.read, answer.total);
    return;
  }
  end();
  say('');
  if (answer.kind === 'failure') showFailure(answer.failure);
  else if (answer.kind === 'proofs') showProofs(answer.report);
  else showReport(answer, request);
}

function showProgress(read: number, total: number): void {
  const megabytes = (read / 1e6).toFixed(0);
  // a compressed file has more bytes than it takes on the disk
  if (total > 0 && read <= total) progress.value = (100 * read) / total;
  else progress.removeAttribute('value');
  element('progress-text', HTMLElement).textContent = `Verifying: ${megabytes} MB read`;
}

function running(is: boolean): void {
  verify.disabled = is;
  cancel.hidden = !is;
  element('running', HTMLElement).hidden = !is;
  if (is) {
    clearResult();
    progress.removeAttribute('value');
  }
}

function end(): void {
  worker?.terminate();
  worker = undefined;
  running(false);
}

function say(text: string): void {
  element('status', HTMLElement).textContent = visible(text);
}

/** What is shown, or being found out, is about what was given before. */
function changed(): void {
  if (worker !== undefined) {
    end();
    say('Canceled, because the input has changed. Nothing was decided: press Verify again.');
  } else if (clearResult()) say('The input has changed: press Verify again.');
}

function showLost(error: unknown): void {
  const message = `what was dropped or chosen could not be read: ${isError(error) ? error.message : String(error)}`;
  showFailure({ code: 'READ_FAILED', message, hint: 'None of it was taken. Give it once more, or give a copy of it.' });
}

async function submit(): Promise<void> {
  // asked last, for it may have been pressed twice meanwhile
  if (!(await zones.settled()) || worker !== undefined) return;
  say('');
  const request = checkRequest(zones);
  if ('code' in request) showFailure(request);
  else begin(request);
}

const form = element('form', HTMLFormElement);
form.addEventListener('input', changed);
form.addEventListener('submit', (event) => {
  event.preventDefault();
  void submit();
});

cancel.addEventListener('click', () => {
  end();
  say('Canceled. Nothing was decided.');
  verify.focus();
});

/** What was filled in, as a request; what is missing, where it cannot be one. */
function checkRequest(zones: Zones): Request | Failure {
  const logs = zones.files('logs');
  const policy = zones.files('policy');
  const origin = textOf('origin');
  if (logs.length === 0) return missing('no log was given', 'Drop the files of the log in the first field.');
  if (origin === '' && policy.length === 0) {
    return missing('no stream is named', 'Fill in the name of the stream that you expect, or give a policy.');
  }
  const max = textOf('maxBytes');
  if (!/^([1-9][0-9]{0,15})?$/.test(max)) return missing('that is not a number of bytes', 'Leave it empty for 64 GiB.');
  return {
    logs,
    policy,
    publicKeys: zones.files('publicKeys'),
    known: zones.files('known'),
    origins: origin === '' ? [] : [origin],
    unwrap: textOf('unwrap'),
    live: isChecked('live'),
    part: isChecked('part'),
    strict: isChecked('strict'),
    acceptSuccessors: isChecked('acceptSuccessors'),
    withoutLines: isChecked('withoutLines'),
    maxBytes: max === '' ? undefined : Number(max),
    now: new Date(),
  };
}

function missing(message: string, hint: string): Failure {
  return { code: 'USAGE', message, hint };
}

function textOf(id: string): string {
  return element(id, HTMLInputElement).value.trim();
}

function isChecked(id: string): boolean {
  return element(id, HTMLInputElement).checked;
}
