"""What is a player's name. Two spellings that the game takes for the same player become the same canonical name.

An archived name, `lynx titan~1`, is nobody's in the game: it names a player who is tracked no more under the name that
it begins with, and whose present name is not known.
"""

import re
from functools import lru_cache

from osrsdiff.errors import InvalidUsername

_LONGEST = 12
_LONGEST_KEPT = 40
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9 _-]")
_SEPARATORS = re.compile(r"[ _-]+")
_BLANKS = re.compile(r" +")
_ARCHIVED = re.compile(r"(.+)~([1-9][0-9]{0,8})")


ARCHIVE_MARK = "~"
"""Stands in no name of the game's."""


def canonical(raw: str) -> str:
    """The name that identifies a player: lower case, words joined by single spaces.

    Space, hyphen, underscore and no-break space are one character to the game. Raises InvalidUsername.
    """
    return _kept(raw) if len(raw) <= _LONGEST_KEPT else _canonical(raw)


def tracked_name(raw: str) -> str:
    """The name by which a tracked player is found: a canonical one, or an archived one. Raises InvalidUsername."""
    found = _ARCHIVED.fullmatch(raw.strip(" ")) if "~" in raw and len(raw) <= _LONGEST_KEPT else None
    return archived(canonical(found[1]), int(found[2])) if found else canonical(raw)


def archived(name: str, number: int) -> str:
    """The archived name of this number, of a canonical name or of its display."""
    return f"{name}~{number}"


def is_archived(username: str) -> bool:
    """Whether a tracked player's name is an archived one."""
    return ARCHIVE_MARK in username


def bare(username: str) -> str:
    """The name that an archived one begins with; any other as it is."""
    return username.partition(ARCHIVE_MARK)[0]


def display(raw: str) -> str:
    """The user's own spelling, without outer blanks and with plain single ones inside. Not checked: see `canonical`."""
    return _BLANKS.sub(" ", raw.replace("\u00a0", " ")).strip(" ")


def _canonical(raw: str) -> str:
    name = display(raw)
    if bad := _NOT_ALLOWED.search(name):
        raise InvalidUsername(_shortened(raw), f"it has the character {bad[0]!r}")
    if len(name) > _LONGEST:
        raise InvalidUsername(_shortened(raw), f"it has {len(name)} characters")
    words = _SEPARATORS.sub(" ", name).strip(" ").lower()
    if not words:
        raise InvalidUsername(_shortened(raw), "it has no letter or digit")
    return words


_kept = lru_cache(maxsize=4_096)(_canonical)


def _shortened(raw: str) -> str:
    return raw if len(raw) <= _LONGEST_KEPT else raw[:_LONGEST_KEPT] + "…"
