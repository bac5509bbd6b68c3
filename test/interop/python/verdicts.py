"""What ends a judgement early, and the codes that were found on the way (spec section 8)."""


class Tampered(Exception):
    """A finding of verdict 1. It ends the reading, because 1 beats 2."""


class Undecided(Exception):
    """What makes everything after it undecided: verdict 2 unless something was found before."""


class GoesOnElsewhere(Exception):
    """M8.26: another range begins with this file."""


class LeftOut(Exception):
    """What this verifier does not do (key services): it gives no verdict."""


def need(ok, code):
    if not ok:
        raise Tampered(code)
