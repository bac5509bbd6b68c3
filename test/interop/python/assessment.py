"""What the entries of each epoch rest on, once the whole stream was read (M4.9, M8.12 to M8.17)."""
from adoption import count_unchecked
from ending import check_end, open_ended, proven_end
from held import check_held, check_start, signed_before
from verdicts import need
from vouching import KEYED, Vouching


def assess(stream, ends_here):
    """Adds codes of verdict 2, or raises Tampered."""
    if stream.state.size is None:
        stream.undecided.add('NOT_SEALED')
        return
    inside = check_held(stream, ends_here)
    check_start(stream, inside)
    vouching = Vouching(stream, inside)
    if count_unchecked(vouching.ranges) > stream.auditor.adopted:
        stream.undecided.add('ADOPTED')
    end = proven_end(stream, vouching, inside)
    until = end if open_ended(stream, end) else stream.state.size
    stream.end = end
    for epoch in stream.state.epochs:
        _epoch(stream, vouching, inside, epoch, until)
    _limits(stream)
    _named_in_vain(stream, vouching, inside, until)
    check_end(stream, vouching, end)


def _epoch(stream, vouching, inside, epoch, until):
    auditor, bad = stream.auditor, stream.undecided.add
    need(epoch.mode == 'mac' or auditor.floor != 'mac', 'RECORDS_FLOOR')
    if epoch.left_out:
        bad(epoch.left_out)
    if epoch.introduced > until:
        return
    if epoch.schedule is not None and not epoch.fits:
        bad('WRONG_KEY')
    named = vouching.signers_of(epoch)
    status = vouching.status[epoch]
    covered = _is_covered(stream, vouching, inside, epoch, until)
    if not epoch.has_macs and not named:
        bad('KEY_NOT_NAMED' if status and epoch.signers else 'NO_KEY')
    elif epoch.has_macs and not named and not epoch.is_under_key(_last(stream, epoch)):
        bad('NO_KEY')
    elif status is None:
        bad('UNVOUCHED')
    elif status == KEYED and not auditor.keyed_restarts and epoch.opens_run and epoch.introduced > 1:
        bad('UNVOUCHED')
    if named and not covered:
        bad('UNSIGNED')
    begins = epoch is stream.state.epochs[0]
    if not named and (epoch.opens_run or begins) and _named_before(stream, vouching, epoch):
        if not any(note.size >= _sealed(stream, epoch, until) for note in inside):
            bad('UNSIGNED')
    if 'mac' in auditor.require and not (epoch.has_macs and epoch.is_under_key(_last(stream, epoch))):
        bad('NO_KEY')
    if 'signature' in auditor.require and not (named and covered):
        bad('UNSIGNED')


def _named_before(stream, vouching, epoch):
    """M8.14: a run without a named signer after an epoch that had one, be it before the range."""
    epochs = stream.state.epochs
    return signed_before(stream) or any(vouching.signers_of(one) for one in epochs[: epochs.index(epoch)])


def _named_in_vain(stream, vouching, inside, until):
    """M8.14: public keys were named for entries of this range, and none of them signs any epoch of it."""
    if not any(first <= until and last >= stream.start for _, first, last in stream.auditor.named):
        return
    for epoch in stream.state.epochs:
        if epoch.introduced <= until and vouching.signers_of(epoch):
            if vouching.signed_by(epoch) or any(note.size >= epoch.introduced for note in inside):
                return
    stream.undecided.add('UNSIGNED')


def _is_covered(stream, vouching, inside, epoch, until):
    """M4.9: up to the epoch's last seal, but for what the next run adopted."""
    u = max([seal.seq for seal in stream.state.seals.values() if seal.epoch is epoch and seal.seq <= until], default=0)
    after = [one.first for one in vouching.ranges if one.last >= epoch.first and not one.last < epoch.introduced]
    u = min([u, *(first - 1 for first in after)])
    return u < epoch.first or any(size >= u for size in [*vouching.signed_by(epoch), *(note.size for note in inside)])


def _last(stream, epoch):
    """The last entry of an epoch."""
    after = [one.first for one in stream.state.epochs if one.first > epoch.first]
    return min(after, default=stream.state.size + 1) - 1


def _sealed(stream, epoch, until):
    """M8.14: how far the epoch is sealed, whatever a later run adopted."""
    seals = [seal.seq for seal in stream.state.seals.values() if seal.epoch is epoch and seal.seq <= until]
    return max(seals, default=epoch.introduced)


def _limits(stream):
    auditor, bad = stream.auditor, stream.undecided.add
    if stream.lost > auditor.dropped:
        bad('DROPPED')
    if stream.erased > auditor.erased:
        bad('ERASED')
    if sum(stream.abandoned) > auditor.abandoned:
        bad('ABANDONED')
    for _, _, _, says, _, last_time in stream.state.runs:
        if last_time is not None and says['time'] - last_time > 1000 * auditor.recovery_gap:
            bad('CADENCE')
