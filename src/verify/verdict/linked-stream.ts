import type { StreamState } from '../state/state.ts';
import type { LinkedStream } from './links.ts';
import { type FileDetails, streamFacts } from './report.ts';

/** What is kept of a stream once it is read: small, so that ten thousand of them may be verified in one go. */
export function linkedStream(
  state: StreamState,
  files: readonly string[],
  details: readonly FileDetails[] = [],
): LinkedStream {
  const { auditor, findings, tree } = state;
  const roots = new Map(state.asked.roots);
  if (tree.frontier !== undefined && !state.order.broken && state.order.next > 1)
    roots.set(state.order.next - 1, tree.frontier.root());
  return {
    facts: streamFacts(auditor, state, files, details),
    findings,
    after: state.runs.after,
    roots,
    held: auditor.held.length > 0,
    part: auditor.part,
    settledSize: state.evidence.settledSize,
    maybeElsewhere: state.coverage.isPartial,
    isCut: state.file.isCut,
  };
}
