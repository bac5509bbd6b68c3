"""Files: compression, lines, order (M1.7, M8.2, M8.22, M8.23)."""
import zlib

from lines import classify, is_reserialized, note_bytes, note_of
from notes import is_converted_note, parse_note
from verdicts import need

GZIP = b'\x1f\x8b'
MARK = b'\xef\xbb\xbf'
# M8.23: zstd, xz, bzip2, lz4, zip, gzip behind a byte order mark; tar says so later
OTHER_FORMS = (b'\x28\xb5\x2f\xfd', b'\xfd7zXZ\0', b'BZh91AY&SY', b'\x04\x22\x4d\x18', b'PK\x03\x04', MARK + GZIP)
FILLING = b'\0\n\r\x1a'
LONGEST_LINE = 1 << 24
DEFAULT_MAX_BYTES = 64 << 30


TAR = b'\0ustar'


def is_packed(data):
    return data.startswith(OTHER_FORMS) or data[256:262] == TAR


def is_compressed(name, data):
    """M8.23: one named .gz that begins as neither gzip nor text does is damaged there."""
    if not data or data.startswith(GZIP) or is_packed(data):
        return data != b''
    return name.endswith('.gz') and data[0] != MARK[0] and any(
        byte >= 0x80 or (byte < 0x20 and byte not in b'\t\n\r') for byte in data[:2]
    )


class File:
    """What was read of a file. `problems` are codes of verdict 2; `whole` is false where it was not read to its end;
    `plain` is what copies of it have in common (M8.2); `altered`: its bytes are not those that were written."""

    def __init__(self, name, data, max_bytes=DEFAULT_MAX_BYTES):
        self.name, self.problems, self.whole, self.manifest = name, set(), True, None
        self.copies = []  # manifests beside copies of it
        self.encoded_copy = False  # M8.33: a copy of it was written in another encoding
        self.behind_cut = False  # the file before it ends inside a line
        self.data = self._expanded(data, max_bytes) if is_compressed(name, data) else data
        marked = self.data.startswith(MARK) and b'\n' in self.data
        *lines, self.rest = self.data[len(MARK) if marked else 0 :].split(b'\n')
        self.altered = marked or b'' in lines
        if any(len(line) > LONGEST_LINE for line in [*lines, self.rest]):
            self.problems.add('LIMIT')
            self.whole, lines = False, []
        if any(lines) and all(line.endswith(b'\r') for line in lines if line):
            self.problems.add('LINE_ENDINGS_CONVERTED')
            self.altered = True
            lines = [line.removesuffix(b'\r') for line in lines]
            self.rest = self.rest.removesuffix(b'\r')
        self.lines = [classify(line) for line in lines if line]
        self.plain = b'\n'.join([*filter(None, lines), self.rest]).rstrip(FILLING)
        self.plain_lines = b'\n'.join(filter(None, lines)).rstrip(FILLING)
        self.torn = bool(self.rest.rstrip(FILLING))
        whole = self.data.rstrip(FILLING)
        self.filled = self.data not in (whole + b'\n', whole + b'\r\n')
        if marked and any(line.kind != 'foreign' for line in self.lines):
            self.problems.add('LINE_ENDINGS_CONVERTED')
        if any(line.erased for line in self.lines):  # M7.1
            self.altered = True
        if any(line.kind == 'checkpoint' and is_encoded(line) for line in self.lines):
            self.problems.add('ENCODING_CONVERTED')
            self.altered = True
        self.entries = [line for line in self.lines if line.is_entry]
        self.first = self.entries[0] if self.entries else None
        if not self.entries:
            self._told_apart()

    def _expanded(self, data, max_bytes):
        plain = b''
        if data[:2] != GZIP:
            self.problems.add('UNREADABLE')
            self.whole = False
            return plain
        while data[:2] == GZIP:
            member = zlib.decompressobj(31)
            try:
                part = member.decompress(data, max_bytes + 1 - len(plain))
            except zlib.error:
                part = None
            if part is not None and len(plain) + len(part) > max_bytes:
                self.problems.add('LIMIT')
                self.whole = False
                return (plain + part)[:max_bytes]
            if part is None or not member.eof:
                # M8.23: nothing in the bytes of a damaged member counts
                self.problems.add('UNREADABLE')
                self.whole = False
                return plain
            plain += part
            if plain.startswith(GZIP) or is_packed(plain):
                self.problems.add('UNREADABLE')
                self.whole = False
                return b''
            data = member.unused_data
        if data == GZIP[:1]:
            self.problems.add('UNREADABLE')
            self.whole = False
        elif data:
            self.problems.add('GZIP_TRAILING')
        return plain

    def _told_apart(self):
        """M8.22: no entry classifies. Was it never sealed, or was it parsed and written again?"""
        foreign = [line for line in self.lines if line.kind == 'foreign']
        if foreign and all(is_reserialized(line.bytes) for line in foreign):
            self.problems.add('RESERIALIZED')
        elif len(foreign) < len(self.lines):
            return
        elif any(b'"integrity"' in line.bytes.replace(b'\0', b'') for line in foreign):
            self.problems.add('RESERIALIZED')
        elif self.whole:
            self.problems.add('NOT_SEALED' if self.lines else 'EMPTY_FILE')
        self.lines = [line for line in self.lines if line.kind != 'foreign']


def is_encoded(line):
    """M8.33: a checkpoint but for its dashes."""
    return parse_note(note_of(line) or '') is None and is_converted_note(note_bytes(line))


def ordered(files):
    """M8.2: by the seq of their first entry, whatever the order given; the same bytes twice are one file. A file of
    checkpoints alone comes behind the largest size that it has; one in which there is nothing else, at the end."""
    begun = [file for file in files if file.first]
    others = [file for file in files if not file.first]
    return sorted(_without_copies(begun) + others, key=_place)


def _without_copies(begun):
    """M8.2: of files that begin with one entry the longest is read; the others must be copies of its beginning."""
    kept = []
    left = {}
    for file in sorted(begun, key=lambda one: (one.first.seq, not one.whole, -len(one.plain), one.torn, _is_converted(one), one.filled, one.name)):
        if not kept or kept[-1].first.seq != file.first.seq:
            kept.append(file)
            continue
        if file.manifest is not None:
            kept[-1].copies.append(file.manifest)
        if not file.whole:
            kept[-1].problems.add('UNREADABLE')
        elif kept[-1].plain.startswith(file.plain) or (file.plain_lines and kept[-1].plain.startswith(file.plain_lines)):
            kept[-1].problems |= file.problems & {'LINE_ENDINGS_CONVERTED'}
        elif _differ_in_erasures(kept[-1], file):
            before, kept[-1] = kept[-1], _less_erased(kept[-1], file)
            left.setdefault(file.first.seq, []).append(file if kept[-1] is before else before)
        else:
            # M8.33: one in another encoding says what the other one said
            both = [file, kept[-1]]
            need(any('ENCODING_CONVERTED' in one.problems for one in both), 'FORK')
            kept[-1] = min(both, key=lambda one: ('ENCODING_CONVERTED' in one.problems, one is file))
            kept[-1].encoded_copy = True
    for file in kept:
        if any(_holds_erased(one, file) for one in left.get(file.first.seq, ())):
            file.problems.add('NOT_ERASED')
    return kept


def _differ_in_erasures(one, other):
    """M8.2: an erased and an unerased copy are one log, also where one of them was made earlier."""
    if any('ENCODING_CONVERTED' in file.problems for file in (one, other)) or not (_erased(one) or _erased(other)):
        return False
    forms = [[line.erased_form() for line in file.lines] for file in (one, other)]
    least = min(map(len, forms))
    return forms[0][:least] == forms[1][:least]


def _holds_erased(left, read):
    """Whether a record that is erased in the file that is read has its content in the copy that is not."""
    return any(there.erased and not here.erased for here, there in zip(left.lines, read.lines))


def _erased(file):
    return sum(line.erased for line in file.lines)


def _less_erased(kept, file):
    """The one with more lines, of as many the one with fewer erased records; the other one's manifest is that of a copy."""
    read = min((kept, file), key=lambda one: (-len(one.lines), _erased(one), _is_converted(one), one.filled, one.name))
    left = file if read is kept else kept
    if read is file:
        read.copies = [one for one in kept.copies if one is not read.manifest]
        read.copies += [left.manifest] if left.manifest is not None else []
    read.encoded_copy = read.encoded_copy or left.encoded_copy
    read.problems |= left.problems & {'LINE_ENDINGS_CONVERTED', 'UNREADABLE'}
    return read


def _is_converted(file):
    return 'LINE_ENDINGS_CONVERTED' in file.problems


def _place(file):
    if file.first:
        return file.first.seq
    notes = [parse_note(note_of(line) or '') for line in file.lines if line.kind == 'checkpoint']
    return max([note.size + 0.5 for note in notes if note is not None], default=float('inf'))
