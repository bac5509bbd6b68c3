import type { Finding } from '../verify/model/findings.ts';

/** A finding as it is written to a topic: key = the stream's origin, value = this as JSON. */
export interface PublishedFinding extends Omit<Finding, 'quoted'> {
  /** The same finding has the same id, however often it is written: what was read is the same, so what is found is. */
  readonly id: string;
  /** The cluster and the topic that were read. */
  readonly cluster: string;
  readonly topic: string;
  readonly origin: string;
}
