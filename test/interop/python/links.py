"""What streams say about each other (M8.5, M8.28)."""
from tree import root_of
from verdicts import need


def check_links(streams, origins, auditor, damaged_beside):
    """`streams`: the ranges of each origin, read to their end. Adds codes of verdict 2, or raises Tampered."""
    present = {origin: ranges for origin, ranges in streams.items() if any(one.start for one in ranges)}
    for note in auditor.held:
        missed = note.origin in origins.names or (origins.covers(note.origin) and not auditor.part)
        need(note.origin in streams or damaged_beside or not missed, 'KNOWN_CONTRADICTED')
    if auditor.part:
        return
    for ranges in present.values():
        last = ranges[-1]
        if last.state.closed == 'continued':
            _then(last, present.get(last.state.closing['then'], []))
        for one in ranges:
            for seq, says in one.state.opens:
                if 'after' in says:
                    _after(one, seq, says['after'], present.get(says['after']['origin']))


def _then(stream, following):
    cited = [says['after']['origin'] for one in following for _, says in one.state.opens if 'after' in says]
    if stream.origin not in cited:
        stream.undecided.add('END_UNPROVEN')


def _after(stream, seq, after, cited):
    """The root of the stream before at the cited size, where the open that cites it is proven."""
    if cited is None:
        if not stream.auditor.held:
            stream.undecided.add('START_UNPROVEN')
    elif stream.end is not None and seq <= stream.end:
        known = [one.state.frontiers[after['size']] for one in cited if after['size'] in one.state.frontiers]
        end = cited[-1].state.size
        if not known and cited[-1].torn:
            cited[-1].undecided.add('END_UNPROVEN')
        elif cited[-1].damaged_beside and after['size'] > (cited[-1].end or 0):
            return  # M8.26: what stands there may be what a crash lost
        elif known or end is not None and after['size'] > end and not cited[-1].rewritten:
            need(known and root_of(known[0]) == after['root'], 'LINK_CONTRADICTED')
