"""Public keys: their canonical form, key ids, verifier keys, and signatures (section 4)."""
import base64
import functools

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from spelling import from_b64
from tree import sha

RSA_PKCS1 = b'\xffPKIX-RSA-PKCS#1v1.5'
ALGORITHMS = ('ed25519', 'ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'rsa-pss-sha256', 'rsa-pkcs1-sha256')
PRIME = 2**255 - 19
ED25519_HEAD = bytes.fromhex('302a300506032b6570032100')
CURVES = {'ecdsa-p256-sha256': ec.SECP256R1, 'ecdsa-p384-sha384': ec.SECP384R1}
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)


@functools.lru_cache(maxsize=4096)
def _loaded(spki):
    try:
        return load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _is_point(encoded):
    """M2.1: y below the prime, and none of the y of the points of order 1, 2, 4 and 8."""
    y = int.from_bytes(encoded, 'little') & (2**255 - 1)
    order_8 = int.from_bytes(bytes.fromhex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'), 'little')
    return y < PRIME and y not in (0, 1, PRIME - 1, order_8, PRIME - order_8)


def _fits(algorithm, key):
    if algorithm == 'ed25519':
        return isinstance(key, ed25519.Ed25519PublicKey) and _is_point(key.public_bytes_raw())
    if algorithm in CURVES:
        return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, CURVES[algorithm])
    return isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048


@functools.lru_cache(maxsize=4096)
def is_canonical_spki(algorithm, spki):
    """M2.1: the canonical DER of the algorithm's public key."""
    key = _loaded(spki)
    if key is None or not _fits(algorithm, key):
        return False
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == spki


@functools.lru_cache(maxsize=1 << 15)
def verifies(signer, text, signature):
    """M4.3: the algorithm is the key's, never the log's."""
    algorithm, spki = signer
    key = _loaded(spki)
    try:
        if algorithm == 'ed25519':
            key.verify(signature, text)
        elif algorithm in CURVES:
            key.verify(signature, text, ec.ECDSA(hashes.SHA384() if '384' in algorithm else hashes.SHA256()))
        elif len(signature) != (key.key_size + 7) // 8:
            return False
        else:
            key.verify(signature, text, PSS if algorithm == 'rsa-pss-sha256' else padding.PKCS1v15(), hashes.SHA256())
        return True
    except InvalidSignature:
        return False


def _typed(signer):
    """A key as a vkey holds it: its type and its bytes."""
    algorithm, spki = signer
    if algorithm == 'ed25519':
        return b'\1' + spki[len(ED25519_HEAD) :]
    if algorithm == 'ecdsa-p256-sha256':
        return b'\2' + spki
    if algorithm == 'rsa-pkcs1-sha256':
        return RSA_PKCS1 + spki
    return b'\xfffapilog-tamper/v1/' + algorithm.encode() + b'\n' + spki


@functools.lru_cache(maxsize=4096)
def key_id(name, signer):
    """M4.2."""
    if signer[0] == 'ecdsa-p256-sha256':
        return sha(signer[1])[:4]
    return sha(name.encode(), b'\n', _typed(signer))[:4]


def mac_key_id(origin, fingerprint):
    return sha(origin.encode(), b'\n\xfffapilog-tamper/v1/ratchet-hmac-sha256\n', fingerprint)[:4]


def signer_of(vkey):
    """The key of a verifier key; only its type and key bytes count (M8.17)."""
    typed = from_b64(vkey.split('+', 2)[2])
    if typed is None:
        raise ValueError('a vkey is no base64')
    if typed[:1] == b'\1':
        return 'ed25519', ED25519_HEAD + typed[1:]
    if typed[:1] == b'\2':
        return 'ecdsa-p256-sha256', typed[1:]
    if typed.startswith(RSA_PKCS1):
        return 'rsa-pkcs1-sha256', typed[len(RSA_PKCS1) :]
    if typed[:1] == b'\6':
        return 'ml-dsa-44', typed[1:]
    identifier, _, spki = typed[1:].partition(b'\n')
    return identifier.decode().rsplit('/')[-1], spki


def b64(data):
    return base64.b64encode(data).decode()
