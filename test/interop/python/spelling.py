"""The one spelling of numbers, strings, times and bytes (section 1)."""
import base64
import datetime
import functools
import json
import re

MAX = 2**53 - 1
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z', re.A)
ORIGIN = re.compile(r'(?!/)[A-Za-z0-9._~:/@-]{1,255}(?<!/)')


def b64u(data):
    return base64.urlsafe_b64encode(data).decode().rstrip('=')


def from_b64u(text):
    """The bytes, or None where the text is not unpadded canonical base64url."""
    if not re.fullmatch(r'[A-Za-z0-9_-]*', text) or len(text) % 4 == 1:
        return None
    data = base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))
    return data if b64u(data) == text else None


def from_b64(text):
    """The bytes, or None where the text is not padded canonical base64."""
    if not re.fullmatch(r'(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?', text):
        return None
    data = base64.b64decode(text)
    return data if base64.b64encode(data).decode() == text else None


def stringify(text):
    """A string as ECMAScript's JSON.stringify spells it: a lone surrogate becomes an escape."""
    spelled = json.dumps(text, ensure_ascii=False)
    return re.sub('[\ud800-\udfff]', lambda match: '\\u%04x' % ord(match[0]), spelled)


@functools.lru_cache(maxsize=1 << 14)
def moment(text):
    """Milliseconds since 1970, or None where the text is no T."""
    if not TIME.fullmatch(text):
        return None
    try:
        time = datetime.datetime.strptime(text, '%Y-%m-%dT%H:%M:%S.%fZ')
    except ValueError:
        return None
    return (time - datetime.datetime(1970, 1, 1)) // datetime.timedelta(milliseconds=1)


def parsed(text):
    """A JSON value with objects as lists of pairs, or ValueError. What RFC 8259 does not know is refused."""

    def constant(name):
        raise ValueError(name)

    try:
        return json.loads(text, object_pairs_hook=Pairs, parse_constant=constant)
    except RecursionError as deep:
        raise ValueError('nested too deeply') from deep


class Pairs(list):
    """The members of an object in their order, twice where they stand twice."""
