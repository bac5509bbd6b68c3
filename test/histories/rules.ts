import type { Finding, FindingCode, VerifyReport } from '../../src/index.ts';
import type { History } from './history.ts';
import type { World } from './world.ts';

/** What a verifier must not say of an honest history; empty where it says nothing of the kind. */
export function honestViolations({ causes, roots, world, live }: History, report: VerifyReport): string[] {
  const violations: string[] = [];
  if (report.verdict === 'tampered') {
    const codes = report.findings.filter(({ severity }) => severity === 'tampered').map(({ code }) => code);
    return [`tampered: ${[...new Set(codes)].join(', ')}`];
  }
  if (causes.size === 0 && report.verdict !== 'ok') violations.push(`undecided: ${codesOf(report)}`);
  // of which stream a file is that cannot be read is not known: it is told by itself, and what it may hold with the stream
  const unread = report.findings.some(({ code }) => code === 'UNREADABLE' || code === 'RESERIALIZED');
  for (const { findings, lastSeq } of report.streams) {
    const told = findings.filter(({ severity }) => severity === 'undecided');
    for (const { code } of told) if (causes.size > 0 && !causes.has(code)) violations.push(`false: ${code}`);
    const [first, ...rest] = told;
    if (first === undefined || causes.size === 0 || roots.has(first.code)) continue;
    const mayBeUnread = first.code === 'UNSIGNED' || first.message.includes('could not be read');
    if (unread && mayBeUnread) continue;
    // what the log itself has follows from nothing, and comes first where nothing else was found but how it ends
    const isOfEnd = ({ code, lastSeq: last }: Finding): boolean =>
      code === 'END_UNPROVEN' || (code === 'UNSIGNED' && last === lastSeq) || (live && code === 'UNVOUCHED');
    const others = rest.some((one) => roots.has(one.code) && !isOfEnd(one) && !isOfLog(world, one.code));
    const stillOpen = world.open && !live && isOfEnd(first);
    if (others || !(stillOpen || isOfLog(world, first.code)))
      violations.push(`first: ${first.code} (${first.message})`);
  }
  return [...new Set(violations)];
}

const isOfLog = ({ has }: World, code: FindingCode): boolean =>
  has.has(code) || (code === 'ABANDONED_UNPROVEN' && has.has('ABANDONED'));

const codesOf = ({ findings }: VerifyReport): string => [...new Set(findings.map(({ code }) => code))].join(', ');
