/** Whether lines were read from a topic of Kafka, whose partitions stand where files do. */
export function isOfTopic(file: string): boolean {
  return file.startsWith('kafka://');
}

/** What the number behind a line's is. */
export function offsetWord(file: string | undefined): 'byte' | 'offset' {
  return file !== undefined && isOfTopic(file) ? 'offset' : 'byte';
}
