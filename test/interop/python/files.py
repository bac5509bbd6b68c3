"""Files: compression, lines, order (M1.7, M8.2, M8.22, M8.23)."""
import zlib

from lines import classify, is_reserialized, note_of
from notes import parse_note
from verdicts import need

GZIP = b'\x1f\x8b'
LONGEST_LINE = 1 << 24
DEFAULT_MAX_BYTES = 64 << 30


class File:
    """What was read of a file. `problems` are codes of verdict 2; `whole` is false where it was not read to its end."""

    def __init__(self, name, data, max_bytes=DEFAULT_MAX_BYTES):
        self.name, self.problems, self.whole, self.manifest = name, set(), True, None
        self.data = self._expanded(data, max_bytes) if data[:2] == GZIP else data
        *lines, self.rest = self.data.split(b'\n')
        if any(len(line) > LONGEST_LINE for line in [*lines, self.rest]):
            self.problems.add('LIMIT')
            self.whole, lines = False, []
        if any(lines) and all(line.endswith(b'\r') for line in lines if line):
            self.problems.add('LINE_ENDINGS_CONVERTED')
            lines = [line[:-1] for line in lines]
        self.lines = [classify(line) for line in lines if line]
        self.entries = [line for line in self.lines if line.is_entry]
        self.first = self.entries[0] if self.entries else None
        if all(line.kind == 'foreign' for line in self.lines):
            self._told_apart()

    def _expanded(self, data, max_bytes):
        plain = b''
        while data[:2] == GZIP:
            member = zlib.decompressobj(31)
            try:
                plain += member.decompress(data, max_bytes + 1 - len(plain))
            except zlib.error:
                member = None
            if len(plain) > max_bytes:
                self.problems.add('LIMIT')
                self.whole = False
                return plain[:max_bytes]
            if member is None or not member.eof:
                self.problems.add('UNREADABLE')
                self.whole = False
                return plain
            data = member.unused_data
        if data:
            self.problems.add('GZIP_TRAILING')
        return plain

    def _told_apart(self):
        """M8.22: nothing classifies. Was it never sealed, or was it parsed and written again?"""
        if not any(b'"integrity"' in line.bytes for line in self.lines):
            if self.whole:
                self.problems.add('NOT_SEALED' if self.lines else 'EMPTY_FILE')
            self.lines = []
        elif all(is_reserialized(line.bytes) for line in self.lines):
            self.problems.add('RESERIALIZED')
            self.lines = []


def ordered(files):
    """M8.2: by the seq of their first entry, whatever the order given; the same bytes twice are one file. A file of
    checkpoints alone comes behind the largest size that it has; one in which there is nothing else, at the end."""
    begun, others, seen = [], [], set()
    for file in files:
        if file.data in seen and file.first:
            continue
        seen.add(file.data)
        (begun if file.first else others).append(file)
    begun.sort(key=lambda file: file.first.seq)
    for one, other in zip(begun, begun[1:]):
        need(one.first.seq != other.first.seq, 'FORK')
    return sorted(begun + others, key=_place)


def _place(file):
    if file.first:
        return file.first.seq
    notes = [parse_note(note_of(line) or '') for line in file.lines if line.kind == 'checkpoint']
    return max([note.size + 0.5 for note in notes if note is not None], default=float('inf'))
