import { Consumer, fetchV17 } from '@platformatic/kafka';

/** Every record of a topic, by partition and offset. */
export async function readTopic(broker: string, topic: string): Promise<{ key: string; value: Buffer }[]> {
  const consumer = new Consumer({ clientId: 'test', groupId: 'test', bootstrapBrokers: [broker] });
  try {
    const metadata = await consumer.metadata({ topics: [topic], forceUpdate: true });
    const found = metadata.topics.get(topic);
    const ends = (await consumer.listOffsets({ topics: [topic] })).get(topic) ?? [];
    const records: { key: string; value: Buffer }[] = [];
    for (const [partition, end] of ends.entries()) {
      const node = found?.partitions[partition]?.leader ?? 0;
      for (let at = 0n; at < end; ) {
        const connection = (await consumer.connectToBrokers([node])).get(node);
        if (connection === undefined || found === undefined) throw new Error('no broker');
        const asked = {
          partition,
          currentLeaderEpoch: -1,
          fetchOffset: at,
          lastFetchedEpoch: -1,
          partitionMaxBytes: 1 << 20,
        };
        const topics = [{ topicId: found.id, partitions: [asked] }];
        const answer = await fetchV17.api.async(connection, 500, 1, 1 << 22, 0, 0, -1, topics, [], '');
        for (const batch of answer.responses[0]?.partitions[0]?.records ?? []) {
          at = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
          if (batch.attributes & 0x20) continue;
          for (const { key, value } of batch.records)
            records.push({ key: key?.toString() ?? '', value: value ?? Buffer.alloc(0) });
        }
      }
    }
    return records;
  } finally {
    await consumer.close();
  }
}
