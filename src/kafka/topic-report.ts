import { tagOf } from '../format/origin.ts';
import type { VerifyOptions } from '../verify/auditor/options.ts';
import { heldSizesOf, missingReports, vanishedReports } from '../verify/files/grouping.ts';
import { Findings } from '../verify/model/findings.ts';
import { checkLinks } from '../verify/verdict/links.ts';
import {
  emptyReport,
  type StreamReport,
  streamReport,
  type TopicReport,
  type VerifyReport,
  wholeReport,
} from '../verify/verdict/report.ts';
import { heldBackText, lossText } from './stream-event.ts';
import type { VerifiedTopic } from './topic-verification.ts';

/** Records of streams that were not requested; undefined if there is nothing to report about them. */
function restReport(topic: string, { tally, heldBack }: VerifiedTopic): StreamReport[] {
  const { keyless, firstKeyless, losses, tooManyStreams } = tally;
  const findings = new Findings();
  if (keyless > 0) {
    const { partition = 0, offset = 0 } = firstKeyless ?? {};
    const what = keyless === 1 ? '1 record has no key that names' : `${keyless} records have no key that names`;
    const place = { file: `kafka://${topic}/${partition}`, offset };
    findings.add('NOT_SEALED', place, `${what} a stream, so their stream is unknown; the first is here`);
  }
  for (const loss of losses) {
    const place = { file: `kafka://${topic}/${loss.partition}`, offset: loss.from };
    findings.add('FILES_MISSING', place, `${lossText(loss)}: streams of which all was there are not known`);
  }
  for (const held of heldBack) {
    const place = { file: `kafka://${topic}/${held.partition}`, offset: held.from };
    findings.add('FILES_MISSING', place, heldBackText(held));
  }
  if (tooManyStreams) findings.add('LIMIT', {}, 'too many streams are in this topic; the rest is not read');
  return findings.total === 0 ? [] : [emptyReport('', findings, [`kafka://${topic}`])];
}

/** The report on a topic that was read. */
export function reportOn(
  options: VerifyOptions,
  held: readonly string[],
  verified: VerifiedTopic,
  topic: TopicReport,
): VerifyReport {
  const { streams, tally, heldBack } = verified;
  checkLinks(streams);
  const reports = streams.map(({ facts, findings }) => streamReport(facts, findings, options.strict ?? false));
  const stamped = (options.timestamps ?? []).map(({ note }) => note);
  // what cannot be read yet may be all of a stream (M8.5)
  const vanished = heldBack.length > 0 ? [] : vanishedReports(heldSizesOf(options, [...held, ...stamped]), reports);
  const named = [...reports, ...vanished];
  const others = tally.leftOutOrigins.map((origin) => ({ origin, tag: tagOf(origin) }));
  const missing = missingReports(options, named, others);
  const all = [...named, ...restReport(topic.name, verified), ...missing];
  return wholeReport(all, { files: [], more: 0 }, { topic });
}
