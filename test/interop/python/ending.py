"""Where the log is proven to end (M4.9, M8.7, M8.21)."""

LONGEST_IDLE = 86_400


def proven_end(stream, vouching, inside):
    """M8.21, M8.29: the largest size that a key of each kind that the auditor can check it with, or a held checkpoint, proves."""
    proven = [note.size for note in inside]
    for seal in stream.state.seals.values():
        if vouching.signers_of(seal.epoch):
            signed = seal.seq in vouching.signed_by(seal.epoch)
        else:
            signed = seal.seq in stream.checkpoints.macs
        if signed:
            proven.append(seal.seq)
    end = max(proven, default=0)
    if not stream.auditor.witnesses:
        return end
    for note in inside:
        stream.checkpoints.cosigned.take(note)
    return min(end, stream.checkpoints.cosigned.size())


def close_at(stream, end):
    """The `why` of a close that is the last entry and proven."""
    return stream.state.closed if end == stream.state.size else None


def open_ended(stream, end):
    """Live, or with `until`: the log ends where it is proven."""
    return (stream.auditor.live or stream.auditor.until is not None) and close_at(stream, end) is None


def check_end(stream, vouching, end):
    auditor, why = stream.auditor, close_at(stream, end)
    if why == 'continued' or (why == 'rotated' and auditor.part):
        ended = True
    elif auditor.live or auditor.until is not None:
        ended = is_recent(stream, end)
    else:
        ended = why == 'shutdown'
    if not auditor.part and why in ('shutdown', 'continued') and auditor.erasures.differs_above(end):
        stream.undecided.add('ERASURE_DIFFERS')
    if not ended or below_from_seq(stream, end) or unsigned_from_seq(stream, end):
        stream.undecided.add('END_UNPROVEN')


def is_recent(stream, end):
    """M8.21: every run's open stands at or below the proven end, and the newest seal up to it is not too old."""
    auditor, state = stream.auditor, stream.state
    seals = [seal for seal in state.seals.values() if seal.seq <= end]
    if not seals or any(run[0] > end for run in state.runs):
        return False
    newest = max(seals, key=lambda seal: seal.seq)
    if auditor.until is not None and newest.time < auditor.until:
        return False
    return not auditor.live or auditor.now - newest.time <= 2000 * promise(stream, end)


def promise(stream, end):
    """M2.5, M8.21: the `idle_seconds` of the newest open up to the proven end, whatever later opens promise."""
    opens = [says['every']['idle_seconds'] for seq, says in stream.state.opens if seq <= end]
    return min(opens[-1], LONGEST_IDLE)


def below_from_seq(stream, end):
    """M8.21: also when the log ends below the `from_seq` of a named key."""
    return any(first > max(end, 1) for _, first, _ in stream.auditor.named)


def unsigned_from_seq(stream, end):
    """M8.21: a key that is named from an entry of the range on, and signed nothing from there on."""
    for signer, first, _ in stream.auditor.named:
        if max(stream.start, 2) <= first <= end:
            if not any(one == signer and size >= first and stream.auditor.counts(signer, size)
                       for one, size, _ in stream.checkpoints.signed):  # fmt: skip
                return True
    return False
