"""The key schedule of a MAC epoch (section 3)."""
import functools
import hmac

from tree import sha


@functools.lru_cache(maxsize=1 << 18)
def mac(key, text):
    return hmac.new(key, text, 'sha256').digest()


def hkdf(secret, salt, info):
    """32 bytes of HKDF-SHA-256 (RFC 5869): one block."""
    return mac(mac(salt, secret), info + b'\1')


class Schedule:
    """What D, N, the origin and EPOCH give (M3.1). Keys of step s are computed when they are asked for."""

    def __init__(self, data_key, nonce, origin, epoch):
        def derive(what):
            info = b'fapilog-tamper/v1 ' + what + b'\0' + sha(origin.encode()) + epoch.to_bytes(8, 'big')
            return hkdf(data_key, nonce, info)

        self.fingerprint = derive(b'fingerprint')
        self._chain = [derive(b'chain')]

    def chain(self, step):
        while len(self._chain) <= step:
            self._chain.append(mac(self._chain[-1], b'next'))
        return self._chain[step]

    def auth(self, step, leaf):
        """M1.3: the MAC of an entry."""
        return mac(mac(self.chain(step), b'record'), leaf)

    def checkpoint(self, step, text):
        return mac(mac(self.chain(step), b'checkpoint'), text)


def usable(data_key):
    """M3.4: 32 bytes, and not all of them zero."""
    return len(data_key) == 32 and any(data_key)
