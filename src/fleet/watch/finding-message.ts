import { randomUUID } from 'node:crypto';
import type { StreamResult } from '../check/stream-result.ts';
import type { WebhookMessage } from './webhook.ts';

/** A message has at most this many findings, each with a text of at most this many characters. */
const FINDINGS = 3;
const TEXT_LENGTH = 300;

/** The message about a result that is a finding. */
export function findingMessage(
  { stream, result, verdict, lastSeq, proven, findings, more, error }: StreamResult,
  now: Date,
): WebhookMessage {
  const body = JSON.stringify({
    type: 'audit.finding',
    timestamp: now.toISOString(),
    data: {
      stream,
      result,
      verdict,
      lastSeq,
      proven,
      findings: findings.slice(0, FINDINGS).map(({ code, severity, message, file }) => {
        return { code, severity, message: cut(message), file: cut(file) };
      }),
      more: more + Math.max(0, findings.length - FINDINGS),
      error: error && { code: error.code, message: cut(error.message), hint: cut(error.hint) },
    },
  });
  return { id: `msg_${randomUUID().replaceAll('-', '')}`, body };
}

function cut(words: string | undefined): string | undefined {
  return words?.slice(0, TEXT_LENGTH);
}
