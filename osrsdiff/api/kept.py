"""Answers kept as the bytes they are sent as, each under the key of everything that it follows. No HTTP, no database.

Whoever asks names what the answer follows as it is now, and what followed something else is not found again. So nothing
grows stale here but the spelling of a metric, which nobody names: see `storage.seen`. What nobody has asked for in a
long time gives way.
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping

from msgspec import Struct

MOST_BYTES = 32 * 1024 * 1024
_OVERHEAD = 1_000
"""About what a key and its place take beside the body, in bytes."""
_LARGEST_SHARE = 16


class Kept(Struct, frozen=True, gc=False):
    """An encoded answer. `tag`: as the header ETag has it."""

    body: bytes
    tag: str
    headers: Mapping[str, str]


class Bodies:
    """As many answers as fit into `most_bytes`, those asked for last."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()

    def get(self, key: Hashable) -> Kept | None:
        """What is kept under the key."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: Hashable, kept: Kept) -> None:
        """Keeps an answer, unless it is so long that many others would have to go for it."""
        size = _size(kept)
        if size * _LARGEST_SHARE > self._most_bytes:
            return
        if (replaced := self._kept.pop(key, None)) is not None:
            self._bytes -= _size(replaced)
        self._kept[key] = kept
        self._bytes += size
        while self._bytes > self._most_bytes:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= _size(gone)


def _size(kept: Kept) -> int:
    return len(kept.body) + _OVERHEAD
