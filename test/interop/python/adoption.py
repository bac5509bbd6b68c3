"""What a run took over without anybody's signature (M6.4, M8.15, M8.16)."""


class Range:
    """An adopted range. `checked`: the MACs of all of it were checked, so nobody has to answer for it."""

    def __init__(self, first, last, checked):
        self.first, self.last, self.checked = first, last, checked

    def holds(self, seq):
        return self.first <= seq <= self.last


def adopted_range(stream, held, run, trusted):
    """What a run took over, or None. `trusted`: whether a key counts as named for a size."""
    seq, before, epoch, says, position, _ = run
    if before is None or not (epoch.signers or before.signers):
        return None
    signed = signed_before(stream, held, position, trusted)
    cited = says['checkpoint']['size'] if 'checkpoint' in says else 0
    # what the open itself says to be adopted is, whoever has signed it since; more where its checkpoint does not count
    counted = max([min(cited, size) for size in signed if size < seq], default=0)
    first = max(counted + 1, stream.start)
    if first >= seq:
        return None
    return Range(first, seq - 1, all(stream.state.entries[one][1] for one in range(first, seq)))


def signed_before(stream, held, position, trusted):
    """Sizes that a named key of their epoch signed, within its range, in a line before, or that are held."""
    sizes = {note.size for note in held}
    for signer, size, at in stream.checkpoints.signed:
        if at < position and signer in stream.state.seals[size].epoch.signers and trusted(signer, size):
            sizes.add(size)
    return sizes


def count_unchecked(ranges):
    return len({seq for one in ranges if not one.checked for seq in range(one.first, one.last + 1)})
