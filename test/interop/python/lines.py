"""What a line is, told by its end (section 1)."""
import functools
import re

from spelling import MAX, b64u, from_b64, from_b64u, parsed, stringify
from tree import leaf_hash, sha

NUM = rb'[1-9][0-9]{0,15}'
# M8.12: a MAC that nobody checks has this form too, or the line is none of ours.
AUTH = rb'[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]'
TAIL = rb'"key_id":"([A-Za-z0-9_-]{8})\.(' + NUM + rb')","(mac|hash)":"(' + AUTH + rb')"\}\}\Z'
AS = rb'(?:,"as":"(text|base64)"(?:(?<=base64"),"part":(' + NUM + rb')(?:,"last":true)?)?)?'
# M1.12, M1.13: a salt, or what stands in its place in an erased record; never both
PROOF = rb'(?:,"salt":"([A-Za-z0-9_-]{21}[AQgw])"|,"commit":"([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])")?'
RECORD = re.compile(rb'"integrity":\{"seq":(' + NUM + rb')' + AS + PROOF + rb',' + TAIL)
FIRST_BRACE = re.compile(rb'\{[ \t\r\n]*\Z')
HEAD = re.compile(rb'\{"integrity":\{"seq":(' + NUM + rb'),"kind":"([a-z_]{1,32})",')
CONTROL = re.compile(TAIL)
CHECKPOINT, END = b'{"integrity":{"kind":"checkpoint","note":"', b'"}}'
LONGEST_MEMBER = 256
AUTH_AND_END = 46


class Line:
    """A classified line. `kind` is record, a control kind, checkpoint, or foreign; `salted`: a record has a salt, and
    `commit` is that of its head, or of what was erased."""

    __slots__ = ('kind', 'bytes', 'seq', 'tag', 'epoch', 'mode', 'auth', 'leaf', 'wrapped', 'is_control', 'salted', 'erased', 'commit', 'head', 'leaf_bytes')

    def __init__(self, kind, data):
        self.kind, self.bytes, self.is_control, self.wrapped, self.seq = kind, data, False, True, None
        self.salted, self.erased, self.commit, self.head = False, False, None, None

    @property
    def is_entry(self):
        return self.seq is not None

    def erased_form(self):
        """M1.13: the line that is left of a record with a salt; of any other line its own bytes."""
        return self.bytes if not self.salted else self.leaf_bytes + self.bytes[-AUTH_AND_END:]

    def content(self):
        """M1.9: the object that the application wrote; None for what was wrapped."""
        return None if self.head is None else self.head.removesuffix(b',') + b'}'


def _entry(kind, data, seq, tail, leaf=None):
    line = Line(kind, data)
    tag, epoch, mode, auth = tail
    line.seq, line.tag, line.epoch, line.mode, line.auth = seq, tag.decode(), int(epoch), mode.decode(), auth.decode()
    line.leaf_bytes = leaf or data[:-AUTH_AND_END]
    line.leaf = leaf_hash(line.leaf_bytes)
    return line


def _is_json(data):
    try:
        parsed(data.decode('utf-8'))
        return True
    except ValueError:
        return False


def _is_wrapped(before, form):
    """M1.10: what stands before our member is exactly the wrapped form."""
    if not before.startswith(b'{"line":') or not before.endswith(b','):
        return False
    try:
        text = before[8:-1].decode('utf-8')
        value = parsed(text)
    except ValueError:
        return False
    if not isinstance(value, str) or stringify(value) != text:
        return False
    return not re.search('[\0\ud800-\udfff]', value) if form == b'text' else from_b64(value) is not None


def _commit(data, record):
    """M1.12: C of a record with a salt."""
    head, salt = data[: record.start()], from_b64u(record[4].decode())
    return b64u(sha(b'\2', salt, head))


def _erased(data, record, commit):
    """M1.12: the leaf of a record with a salt, that of its erased line."""
    before, after = data[record.start() : record.start(4)], data[record.end(4) : -AUTH_AND_END]
    return b'{' + before[: -len(b',"salt":"')] + b',"commit":"' + commit.encode() + after


@functools.lru_cache(maxsize=1 << 15)
def classify(data):
    """M1.1: in this order, a record or an erased one, a control entry, a checkpoint line, a foreign line."""
    near_end = max(0, len(data) - LONGEST_MEMBER)
    record = RECORD.search(data, near_end)
    if record:
        before = data[: record.start()]
        numbers = (record[1], record[3] or b'1', record[7])
        is_record = all(int(n) <= MAX for n in numbers)
        if record[5] is not None and is_record and before != b'{':
            return Line('foreign', data)  # M1.13: no leaf covers what it shows
        if (before.endswith(b',') or FIRST_BRACE.match(before)) and is_record:
            commit = None if record[4] is None else _commit(data, record)
            leaf = None if commit is None else _erased(data, record, commit)
            line = _entry('record', data, int(record[1]), record.groups()[5:], leaf)
            line.salted, line.erased = record[4] is not None, record[5] is not None
            line.commit = record[5].decode() if line.erased else commit
            line.head = before if record[2] is None and not line.erased else None
            line.wrapped = record[2] is None or line.erased or _is_wrapped(before, record[2])
            return line
    head, tail = HEAD.match(data), CONTROL.search(data, near_end)
    if head and tail and head.end() <= tail.start() and int(head[1]) <= MAX and int(tail[2]) <= MAX and _is_json(data):
        line = _entry(head[2].decode(), data, int(head[1]), tail.groups())
        line.is_control = True
        return line
    if data.startswith(CHECKPOINT) and data.endswith(END) and len(data) >= len(CHECKPOINT) + len(END):
        return Line('checkpoint', data)
    return Line('foreign', data)


def note_bytes(line):
    """The note of a checkpoint line as it stands there."""
    return line.bytes[len(CHECKPOINT) : -len(END)]


def is_unfinished(line):
    """M8.22: it begins as our lines do, and is not a complete JSON text."""
    return line.bytes.startswith(b'{') and not _is_json(line.bytes)


def note_of(line):
    """The text of a checkpoint line's note, or None: each LF is written \\n, and there is no other escape."""
    try:
        text = line.bytes[len(CHECKPOINT) : -len(END)].decode('utf-8')
    except ValueError:
        return None
    plain = text.replace('\\n', '')
    if '\\' in plain or '"' in plain or any(ord(char) < 0x20 for char in plain):
        return None
    return text.replace('\\n', '\n')


def is_reserialized(data):
    """M8.22: it parses as an object with our member, a seq or a kind in it."""
    try:
        value = parsed(data.decode('utf-8'))
    except ValueError:
        return False
    ours = dict(value).get('integrity') if type(value).__name__ == 'Pairs' else None
    return type(ours).__name__ == 'Pairs' and bool({'seq', 'kind'} & {name for name, _ in ours})
