import { TamperError } from '../../errors.ts';

/** Where a topic is. */
export interface TopicAddress {
  /** `HOST:PORT` of brokers to ask first; the cluster names the others. */
  readonly brokers: readonly string[];
  readonly topic: string;
  /** `kafkas://`: TLS. */
  readonly tls: boolean;
}

const FORM = /^(kafkas?):\/\/([^/?#]*)\/([^/?#]*)$/;
const BROKER = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;
const TOPIC = /^[A-Za-z0-9._-]{1,249}$/;
const DEFAULT_PORT = 9092;
const LAST_PORT = 65_535;

/**
 * Reads `kafka://HOST[:PORT][,HOST[:PORT]…]/TOPIC`, or `kafkas://` for TLS. What is wrong with it is told without showing it: a
 * password may stand in it.
 *
 * @throws {@link TamperError} `USAGE`
 */
export function parseTopicAddress(text: string): TopicAddress {
  const [, scheme, hosts = '', topic = ''] = FORM.exec(text) ?? [];
  if (hosts.includes('@')) {
    throw new TamperError('USAGE', '--from: an address has no user name and no password', {
      hint: 'Put them into the environment: KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD.',
    });
  }
  if (scheme === undefined) throw wrong('it is not of that form');
  if (!isTopicName(topic)) throw wrong('its topic has 1 to 249 characters of A-Z a-z 0-9 . _ -');
  return { brokers: hosts.split(',').map(brokerOf), topic, tls: scheme === 'kafkas' };
}

/** Whether a topic can have this name. */
export function isTopicName(name: string): boolean {
  return TOPIC.test(name) && name !== '.' && name !== '..';
}

function brokerOf(text: string): string {
  if (!BROKER.test(text)) throw wrong('a broker is HOST:PORT');
  const port = /:([0-9]+)$/.exec(text.replace(/^\[.*\]/, ''))?.[1];
  if (port === undefined) return `${text}:${DEFAULT_PORT}`;
  if (Number(port) === 0 || Number(port) > LAST_PORT) throw wrong('a port is 1 to 65535');
  return text;
}

function wrong(why: string): TamperError {
  return new TamperError('USAGE', `--from takes kafka://HOST:PORT[,HOST:PORT]/TOPIC, or kafkas:// for TLS: ${why}`);
}

/** An address as people write it. */
export function addressText({ brokers, topic, tls }: TopicAddress): string {
  return `${tls ? 'kafkas' : 'kafka'}://${brokers.join(',')}/${topic}`;
}
