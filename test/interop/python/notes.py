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


# M8.33: what other encodings make of the dash, seen byte by byte
CONVERTED = re.compile(r'.{0,96}?[^\s+\\]+ ([A-Za-z0-9+/]+={0,2})', re.DOTALL)


def is_converted_note(data):
    """Whether the note as it stands in its line is one but for its dashes."""
    if len(data) > LONGEST:
        return False
    head, _, rest = data.decode('latin-1').partition('\\n\\n')
    lines = rest.split('\\n')
    if lines.pop() != '' or not lines:
        return False
    found = [CONVERTED.fullmatch(line) for line in lines]
    if not all(one and len(from_b64(one[1]) or b'') >= 5 for one in found):
        return False
    text = head.replace('\\n', '\n')
    well_formed = '\u2014 a AAAAAAA=\n'
    return parse_note(f'{text}\n\n{well_formed}') is not None


def text_of(origin, size, root):
    """The three lines that are signed."""
    return ('%s\n%d\n%s\n' % (origin, size, b64(root))).encode()
