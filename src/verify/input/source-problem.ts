/** What can go wrong while bytes are read, beyond the bytes themselves. */
export type SourceProblem = 'GZIP_TRAILING' | 'UNREADABLE' | 'LIMIT';

/** Told why the bytes of a source end early. `packed`: what was decompressed has to be unpacked once more. */
export type OnProblem = (problem: SourceProblem, message: string, packed?: boolean) => void;

/** Told that all bytes that were given so far are whole: a compressed file's, up to the end of a member. */
export type OnWhole = () => void;
