import { type Digest, digestBytes } from '../../src/core/hash.ts';

/** The lines of a proof of one record, to be spoiled one by one and written again without the code under test. */
export interface ProofLines {
  header: string;
  /** The lines of the extra data: header, record, seal, hashes. */
  extra: Buffer[];
  index: string;
  hashes: string[];
  /** Origin, size, root. */
  text: string[];
  signatures: string[];
}

const split = (bytes: Buffer): Buffer[] => {
  const lines: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf('\n', at);
    lines.push(bytes.subarray(at, end));
    at = end + 1;
  }
  return lines;
};

export function linesOfProof(proof: string): ProofLines {
  const [head = '', text = '', signatures = ''] = proof.split('\n\n');
  const [header = '', extra = '', index = '', ...hashes] = head.split('\n');
  return {
    header,
    extra: split(Buffer.from(extra.slice('extra '.length), 'base64')),
    index,
    hashes,
    text: text.split('\n'),
    signatures: signatures.trimEnd().split('\n'),
  };
}

export function proofOfLines({ header, extra, index, hashes, text, signatures }: ProofLines): string {
  const data = Buffer.concat(extra.flatMap((line) => [line, Buffer.from('\n')])).toString('base64');
  return `${[header, `extra ${data}`, index, ...hashes, '', ...text, '', ...signatures].join('\n')}\n`;
}

/** The same proof with something changed. */
export function spoiled(proof: string, change: (lines: ProofLines) => void): string {
  const lines = linesOfProof(proof);
  change(lines);
  return proofOfLines(lines);
}

export const hashLine = (hash: Digest): string => digestBytes(hash).toString('base64');
