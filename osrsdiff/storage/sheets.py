"""A full sheet in one compact value: msgpack of {metric id: (value, rank, level, unranked code)}. Pure.

About 1 kB for 116 metrics. Ids instead of keys, numbers instead of words: it is rewritten at every look.
"""

from collections.abc import Mapping

import msgspec

from osrsdiff.game.metrics import Metric
from osrsdiff.game.snapshots import Reading, Sheet, Unranked

UNRANKED_CODES: Mapping[Unranked | None, int | None] = {
    None: None,
    Unranked.HIDDEN: 1,
    Unranked.ZERO: 2,
    Unranked.BELOW_CUTOFF: 3,
}
_UNRANKED = {code: unranked for unranked, code in UNRANKED_CODES.items()}

Stored = Mapping[int, tuple[int | None, int | None, int | None, int | None]]

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(dict[int, tuple[int | None, int | None, int | None, int | None]])


def encode(sheet: Sheet, ids: Mapping[str, int]) -> bytes:
    """The sheet as it is stored; `ids` has each of its metrics."""
    codes = UNRANKED_CODES
    return _encoder.encode({ids[key]: (r.value, r.rank, r.level, codes[r.unranked]) for key, r in sheet.items()})


def pack(stored: Stored) -> bytes:
    """What `decode` gives, as it is stored."""
    return _encoder.encode(stored)


def decode(stored: bytes) -> Stored:
    """What was stored, by metric id."""
    return _decoder.decode(stored)


def readings(stored: Stored, metrics: Mapping[int, Metric]) -> dict[str, Reading]:
    """The sheet, in the order in which it was seen."""
    codes = _UNRANKED
    return {
        metrics[number].key: Reading(value, rank, level, codes[unranked])
        for number, (value, rank, level, unranked) in stored.items()
    }
