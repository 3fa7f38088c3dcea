"""Notices that TaskIQ does not ask for schedules any more.

Its loop waits for a time of day. Where the host's clock is set back, that time is as far away as the clock went, and
nothing is sent meanwhile.
"""

import asyncio
from collections.abc import Callable

from osrsdiff import logs

log = logs.get(__name__)

SILENT_S = 8
"""Longer than a refresh may take and the pause after it, together."""


class Silence:
    """Calls `on_silence` once when it has heard nothing for so long. It counts awake seconds: a paused process is not
    silent.
    """

    def __init__(self, on_silence: Callable[[], object], silent_s: int = SILENT_S) -> None:
        self._on_silence = on_silence
        self._silent_s = silent_s
        self._silent_for_s = 0
        self._listening = asyncio.create_task(self._listen())

    def heard(self) -> None:
        """Somebody asked."""
        self._silent_for_s = 0

    def stop(self) -> None:
        """Listens no longer."""
        self._listening.cancel()

    async def _listen(self) -> None:
        while self._silent_for_s < self._silent_s:
            await asyncio.sleep(1)
            self._silent_for_s += 1
        log.warning("schedules are not asked for, the clock went back", silent_s=self._silent_s)
        self._on_silence()
