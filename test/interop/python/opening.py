"""What the open of a run, or of a run's next file, must say (M2.2 to M2.4, M5.4, M6.4, M8.3)."""
from verdicts import Undecided, need

MOST_STEPS = 1 << 24


def check_rotated(stream, line, says, begins):
    """Same run, next file: same epoch, same key reference."""
    state = stream.state
    need('adopted_from' not in says, 'ADOPTED_UNMARKED')
    if begins:
        # M8.6: a step that is not possible; a run's first open is at step 0, one of a next file after a seal
        need(1 <= says['step'] <= line.seq - says['epoch_seq'] and says['epoch_seq'] < line.seq, 'STEP_WRONG')
        if says['step'] > MOST_STEPS:
            raise Undecided('LIMIT')
        return
    need(state.closed == 'rotated', 'OPEN_CONTRADICTS')
    need(says['step'] == state.step, 'STEP_WRONG')
    need(says['epoch_seq'] == state.epoch.first and says['key'].text == state.epoch.reference.text, 'OPEN_CONTRADICTS')


def check_run(stream, line, says, begins):
    state, before = stream.state, stream.state.epoch
    need(says['step'] == 0, 'STEP_WRONG')
    need(says['epoch_seq'] == line.seq, 'OPEN_CONTRADICTS')
    need(says['why'] != 'resumed' or begins or state.closed == 'shutdown', 'OPEN_CONTRADICTS')
    # a run may begin after a crash between an open or a `key` and the seal that is due (M5.2)
    signers = says['key']['signers']
    if before is not None and not begins:
        need(not (before.mode == 'mac' and says['key']['records'] == 'hash'), 'MODE_CHANGE')
        need(signers or not before.signers, 'MODE_CHANGE')
    check_adopted_from(line, says, signers, before, begins)


def check_adopted_from(line, says, signers, before, begins):
    """M6.4, M8.15: marked where the new run or the epoch before has signers and no checkpoint reaches up to it."""
    cited = says['checkpoint']['size'] if 'checkpoint' in says else 0
    unknown = before is None and begins and line.seq > 1
    if unknown and not signers:
        need(says.get('adopted_from', cited + 1) == cited + 1, 'ADOPTED_UNMARKED')
        return
    adopts = bool(signers or (before is not None and before.signers)) and cited < says['size']
    need(says.get('adopted_from') == (cited + 1 if adopts else None), 'ADOPTED_UNMARKED')
