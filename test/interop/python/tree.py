"""The Merkle tree of RFC 6962 and RFC 9162, kept as its frontier (M1.2)."""
import functools
import hashlib


def sha(*parts):
    return hashlib.sha256(b''.join(parts)).digest()


def leaf_hash(leaf):
    return sha(b'\0', leaf)


@functools.lru_cache(maxsize=1 << 18)
def node_hash(left, right):
    return sha(b'\1', left, right)


def appended(frontier, size, leaf):
    """The frontier, the largest subtree first, of `size` + 1 leaves."""
    subtrees = list(frontier)
    while size & 1:
        leaf = node_hash(subtrees.pop(), leaf)
        size >>= 1
    return tuple(subtrees) + (leaf,)


def root_of(frontier):
    """The root; of no leaves the hash of nothing."""
    if not frontier:
        return sha()
    return functools.reduce(lambda right, left: node_hash(left, right), reversed(frontier[:-1]), frontier[-1])
