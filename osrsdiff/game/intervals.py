"""How often a player is fetched: whole minutes, from one to thirty days. Parsed here, nowhere else."""

import re

from osrsdiff.errors import InvalidInterval

MIN_INTERVAL = 1
MAX_INTERVAL = 43_200

# longer ones are out of range anyway, and Python refuses to convert texts of thousands of digits
_WHOLE = re.compile(r"0*([0-9]{1,9})")


def parse_interval(given: object) -> int:
    """Minutes, from an int or its text. Raises InvalidInterval for anything else, fractions and booleans included."""
    minutes = _whole_number(given)
    if minutes is None or not MIN_INTERVAL <= minutes <= MAX_INTERVAL:
        raise InvalidInterval(_shortened(given))
    return minutes


def _whole_number(given: object) -> int | None:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    if isinstance(given, str) and (match := _WHOLE.fullmatch(given.strip())):
        return int(match[1])
    return None


def _shortened(given: object) -> object:
    if isinstance(given, int) and abs(given) >= 10**40:
        return "a number that long"
    if isinstance(given, str) and len(given) > 40:
        return given[:40] + "…"
    return given
