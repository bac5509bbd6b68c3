import { type ReportAbout, withoutQuotes } from '../../report/about.ts';
import { renderReport, renderReportMain } from '../../report/html/render-report.ts';
import { type ProofsReport, proofsLines } from '../../report/words/proofs.ts';
import { element, made } from './element.ts';
import type { Answer, Failure, GivenFile, Request } from './request.ts';

/** What came of a verification, as the page shows it. */

/** The version of the package. The build puts it in. */
declare const VERSION: string;

export function showReport({ report, known }: Extract<Answer, { kind: 'report' }>, request: Request): void {
  const about = aboutOf(request);
  // the renderer makes text of all that comes from a log; the page has its own main element
  element('report', HTMLElement).innerHTML = renderReportMain(report, about)
    .replace(/^<main /, '<div ')
    .replace(/<\/main>\s*$/, '</div>');
  const save = element('save', HTMLElement);
  save.replaceChildren(
    saveButton('Save the report', 'report.html', renderReport(report, about)),
    saveButton('Save the report as JSON', 'report.json', `${JSON.stringify(withoutQuotes(report), undefined, 2)}\n`),
  );
  if (known !== undefined) save.append(saveButton('Save the checkpoints for the next time', 'known.json', known));
  element('fields', HTMLDetailsElement).open = false; // the report is what is read now
  show();
}

export function showProofs(report: ProofsReport): void {
  const text = made('pre');
  text.append(...proofsLines(report, false).flatMap((line) => [made('span', line), '\n']));
  text.tabIndex = 0;
  element('report', HTMLElement).replaceChildren(text);
  const json = `${JSON.stringify(report, undefined, 2)}\n`;
  element('save', HTMLElement).replaceChildren(saveButton('Save the report as JSON', 'report.json', json));
  element('fields', HTMLDetailsElement).open = false;
  show();
}

export function showFailure({ code, message, hint }: Failure): void {
  const problem = made('div', '', 'problem');
  problem.append(made('p', `No verdict: ${message} (${code}).`));
  if (hint !== undefined) problem.append(made('p', hint));
  element('report', HTMLElement).replaceChildren(problem);
  element('save', HTMLElement).replaceChildren();
  show();
}

/** Takes away what an earlier verification has shown: it says nothing of what is given now. False: there was nothing. */
export function clearResult(): boolean {
  const result = element('result', HTMLElement);
  const wasShown = !result.hidden;
  result.hidden = true;
  for (const id of ['report', 'save']) element(id, HTMLElement).replaceChildren();
  return wasShown;
}

function show(): void {
  const result = element('result', HTMLElement);
  result.hidden = false;
  result.focus();
}

function aboutOf(request: Request): ReportAbout {
  const { logs, origins, policy, publicKeys, known, withoutLines, unwrap } = request;
  const names = (files: readonly GivenFile[]): string => files.map(({ path }) => path).join(', ');
  const options = [
    request.live && 'the log is still being written',
    request.part && 'one closed file by itself',
    request.acceptSuccessors && 'successors of named signers count',
    request.strict && 'warnings make it undecided',
    unwrap !== '' && `lines wrapped by ${unwrap}`,
  ];
  const given = [
    { what: 'Files', value: names(logs) },
    { what: 'Log', value: origins.join(', ') },
    { what: 'Policy', value: names(policy) },
    { what: 'Public keys', value: names(publicKeys) },
    { what: 'Checkpoints held', value: names(known) },
    { what: 'Options', value: options.filter((one) => one !== false).join(', ') },
    { what: 'Checked in', value: `the page verify.html, by ${navigator.userAgent}` },
  ];
  return {
    version: VERSION,
    checkedAt: new Date().toISOString(),
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    given: given.filter(({ value }) => value !== ''),
    withoutLines,
  };
}

function saveButton(label: string, name: string, text: string): HTMLButtonElement {
  const button = made('button', label);
  button.type = 'button';
  button.addEventListener('click', () => {
    const link = made('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'application/octet-stream' }));
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  });
  return button;
}
