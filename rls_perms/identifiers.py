"""Make names that PostgreSQL keeps as they are: at most 63 bytes, never two cut to one."""

import hashlib
import re
import unicodedata

MAX_BYTES = 63

#: The schema that holds everything of the library in a database.
SCHEMA = "rls_perms"

_DIGEST_LENGTH = 8


def digest(text: str, length: int = _DIGEST_LENGTH) -> str:
    """A short stable fingerprint of *text*, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def slug(text: str) -> str:
    """
    *text* in lower-case ASCII letters, digits and underscores; may be empty.

    Letters lose their accents up to U+1FFF, where no version of Unicode adds any: the database
    knows another version than Python, and makes the same names (live_name.sql).
    """
    known = "".join(letter for letter in text if letter < "\u2000")
    plain = unicodedata.normalize("NFKD", known).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")


def fits(name: str) -> bool:
    """Whether PostgreSQL keeps the whole of *name*."""
    return len(name.encode()) <= MAX_BYTES


def kept(name: str) -> str:
    """What PostgreSQL keeps of *name*: whole letters of its first 63 bytes."""
    return name.encode()[:MAX_BYTES].decode(errors="ignore")


def shortened(name: str, *, distinct: str | None = None) -> str:
    """
    *name*, cut to 63 bytes with a digest of the whole at its end if it is longer.

    Give *distinct*, a text that no other name has, to get the digest in any case:
    for a name that lost something on its way here.
    """
    if distinct is None and fits(name):
        return name
    tail = "_" + digest(name if distinct is None else distinct)
    head = name.encode()[: MAX_BYTES - len(tail)].decode(errors="ignore")
    return head + tail
