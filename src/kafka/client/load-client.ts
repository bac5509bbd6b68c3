import { cannotLoad } from '../../providers/internal/cannot-load.ts';

/** What of the client is used. */
export type KafkaClient = typeof import('@platformatic/kafka');

const PACKAGE = { service: 'Kafka', packageName: '@platformatic/kafka' };

/** Loads the optional peer package. @throws {@link TamperError} `DEPENDENCY_MISSING` */
export async function loadKafkaClient(): Promise<KafkaClient> {
  try {
    return await import('@platformatic/kafka');
  } catch (cause) {
    throw cannotLoad(PACKAGE, cause);
  }
}
