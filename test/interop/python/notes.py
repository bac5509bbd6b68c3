"""Checkpoints as signed notes (section 4)."""
import functools
import re

from keys import b64
from spelling import MAX, from_b64

LONGEST = 65536
NOTE = re.compile(r'([^\n]+)\n(0|[1-9][0-9]{0,15})\n([^\n]+)\n\n((?:\u2014 [^\n]+\n)+)')
SIGNATURE = re.compile(r'\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})')


class Note:
    """`text` is what is signed; `signatures` are (name, key id, signature)."""

    def __init__(self, origin, size, root, text, signatures):
        self.origin, self.size, self.root, self.text, self.signatures = origin, size, root, text, signatures


@functools.lru_cache(maxsize=1 << 14)
def parse_note(text):
    """The note, or None where it is not in its one spelling (M4.1)."""
    match = NOTE.fullmatch(text)
    if not match or len(text.encode('utf-8', 'surrogatepass')) > LONGEST:
        return None
    root, size = from_b64(match[3]), int(match[2])
    lines = match[4].split('\n')[:-1]
    if root is None or len(root) != 32 or size > MAX:
        return None
    signatures = []
    for line in lines:
        signature = SIGNATURE.fullmatch(line)
        value = from_b64(signature[2]) if signature else None
        if value is None or len(value) < 5:
            return None
        signatures.append((signature[1], value[:4], value[4:]))
    return Note(match[1], size, root, text[: text.index('\n\n') + 1].encode(), tuple(signatures))


def text_of(origin, size, root):
    """The three lines that are signed."""
    return ('%s\n%d\n%s\n' % (origin, size, b64(root))).encode()
