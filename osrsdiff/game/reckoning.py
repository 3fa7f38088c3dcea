"""By which rules records and achievements are reckoned, as a number: where it changes, every history is gone over anew.

Pure.
"""

from zlib import crc32

from osrsdiff.game.records import RecordPeriod
from osrsdiff.game.thresholds import FINGERPRINT_PARTS

_RECORD_RULES = 2
"""To be raised when records come out differently although the periods are the same."""


def _fingerprint() -> int:
    periods = [f"{period}:{period.length.total_seconds():.0f}" for period in RecordPeriod]
    parts = [f"records:{_RECORD_RULES}", *periods, *FINGERPRINT_PARTS]
    return crc32("\n".join(parts).encode()) & 0x7FFFFFFF  # fits a signed column of four bytes


RULES = _fingerprint()
"""The rules of this program."""
