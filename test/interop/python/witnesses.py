"""Cosignatures of witnesses (M4.10, M8.29)."""
from keys import ED25519_HEAD, verifies
from spelling import from_b64
from tree import sha

LATEST = 2**63 - 1


class Witness:
    """From its verifier key, type 0x04."""

    def __init__(self, vkey):
        self.name, found, key = vkey.split('+', 2)
        typed = from_b64(key)
        if typed is None or typed[:1] != b'\4' or len(typed) != 33:
            raise ValueError('no verifier key of a witness')
        self.key, self.id = typed[1:], sha(self.name.encode(), b'\n', typed)[:4]
        if self.id.hex() != found:
            raise ValueError('the id is not that of name and key')

    def id_in(self, origin):
        """The key id that its key has as a key of the log."""
        return sha(origin.encode(), b'\n\1', self.key)[:4]

    def cosigned(self, text, value):
        """Whether the bytes after the key id are its cosignature of this text: a time and a signature."""
        time = int.from_bytes(value[:8], 'big')
        if len(value) != 72 or time > LATEST:
            return False
        message = b'cosignature/v1\ntime %d\n' % time + text
        return verifies(('ed25519', ED25519_HEAD + self.key), message, value[8:])


class Cosigned:
    """The largest size that each named witness cosigned."""

    def __init__(self, witnesses, required):
        self.witnesses, self.required, self.sizes = witnesses, required, {}

    def take(self, note):
        """Whether every line of a named witness is right."""
        right = True
        own = {found for name, found, _ in note.signatures if name == note.origin}
        for name, found, value in note.signatures:
            named = [
                one
                for one in self.witnesses
                if (one.name, one.id) == (name, found) and name != note.origin and one.id_in(note.origin) not in own
            ]
            good = [one for one in named if one.cosigned(note.text, value)]
            right = right and bool(good or not named)
            for one in good:
                self.sizes[one.key] = max(self.sizes.get(one.key, 0), note.size)
        return right

    def size(self):
        """M8.29: as many witnesses cosigned so much, or more."""
        sizes = sorted(self.sizes.values(), reverse=True)
        return sizes[self.required - 1] if len(sizes) >= self.required else 0
