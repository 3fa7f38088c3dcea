"""An export's rows, player by player: each row checked, and handed to the player whose it is.

A look says what it changed, compared with the looks before it. So where one is missing, those that come after it are
left out: what is taken of a player is the beginning of its looks, without a hole.
"""

from datetime import datetime

from osrsdiff.storage.arrived import Belongings
from osrsdiff.tracking.transfer import given, items
from osrsdiff.tracking.transfer.arriving import Arriving, Unwelcome
from osrsdiff.tracking.transfer.given import Checked, Unusable
from osrsdiff.tracking.transfer.import_run import Run
from osrsdiff.tracking.transfer.items import BadRow, Header, Item, Place


class Blocks:
    """Takes the rows in their order. `is_check`: they are only looked at. `players`: how many there were."""

    def __init__(self, run: Run, checked: Checked, *, is_check: bool) -> None:
        self._run = run
        self._checked = checked
        self._is_check = is_check
        self._seen: set[str] = set()
        self._username: str | None = None
        self._refused: str | None = None
        self._place: Place = 0
        self._arriving: Arriving | None = None
        self._belongings = Belongings()
        self._looks = 0
        self._looked_at: datetime | None = None
        self._changed_at: datetime | None = None
        self._is_torn = False
        self._has_hole = False
        self.players = 0

    async def take(self, place: Place, item: Item | BadRow) -> None:
        """The next row; a bad one is noted. A player who can't be imported is told once, its other rows are skipped."""
        try:
            await self._take(place, item)
        except Unusable as error:
            self._is_torn |= isinstance(item, BadRow) or self._is_own_look(item)
            self._run.rows.add(place, str(error))
        except Unwelcome as error:
            self._refuse(str(error))

    async def end(self) -> None:
        """The player's rows are all read."""
        username, self._username = self._username, None
        if username is None:
            return
        is_whole = not self._has_hole and self._changed_at in (None, self._looked_at)
        if not is_whole:
            self._run.rows.add(self._place, _holed(username, self._looked_at))
        arriving, self._arriving = self._arriving, None
        if arriving is None:
            return
        try:
            self._run.came(await arriving.end(self._belongings, is_whole=is_whole), self._looks)
        except Unwelcome as error:
            self._username = username
            self._refuse(str(error))

    async def _take(self, place: Place, item: Item | BadRow) -> None:
        match item:
            case BadRow():
                raise Unusable(item.reason)
            case Header():
                pass
            case items.Metric():
                self._checked.metrics.add(item.key)
                if not self._is_check:
                    await self._run.add_metric(item)
            case items.Group():
                await self._group(item)
            case items.Player():
                await self.end()
                await self._begin(place, item)
            case _ if item.player == self._refused:
                pass
            case _ if item.player != self._username:
                raise Unusable(f"it is of {item.player}, whose own row does not stand before it.")
            case items.Look():
                await self._look(item)
            case _:
                given.add(self._belongings, item, self._checked)

    async def _group(self, item: items.Group) -> None:
        if item.key not in self._checked.groups and not self._is_check:
            await self._run.add_group(item)
        self._checked.groups.add(item.key)

    async def _begin(self, place: Place, item: items.Player) -> None:
        self._username, self._refused, self._place = item.username, None, place
        self._looks, self._looked_at, self._belongings = 0, None, Belongings()
        self._has_hole, self._changed_at = False, item.state.taken_at if item.state else None
        self.players += 1
        if item.username in self._seen:
            raise Unwelcome("it stands in the file twice.")
        self._seen.add(item.username)
        try:
            person = given.person_of(item, paused=self._run.paused, checked=self._checked)
        except Unusable as error:
            raise Unwelcome(str(error)) from error
        arriving = self._run.arriving(person, is_check=self._is_check)
        await arriving.begin()
        if not self._is_check:
            self._arriving = arriving

    async def _look(self, item: items.Look) -> None:
        look = given.look_of(item, self._checked)
        if self._looked_at is not None and look.at <= self._looked_at:
            raise Unusable(f"it is not later than the look before it, at {self._looked_at:%Y-%m-%d %H:%M:%S} UTC.")
        # nothing is missing before the player's first look, which has none before it
        self._has_hole |= self._is_torn and (self._looked_at is not None or look.previous_at is not None)
        if self._has_hole:
            return
        self._looked_at, self._is_torn = look.at, False
        self._looks += 1
        if self._arriving is not None:
            await self._arriving.look(look)

    def _is_own_look(self, item: Item | BadRow) -> bool:
        return isinstance(item, items.Look) and item.player == self._username

    def _refuse(self, reason: str) -> None:
        """Tells of the player whose rows are being read, once."""
        self._run.rows.add(self._place, f"{self._username} is left out: {reason}")
        self._refused, self._username, self._arriving = self._username, None, None


def _holed(username: str, last_at: datetime | None) -> str:
    which = f"looks after {last_at:%Y-%m-%d %H:%M:%S} UTC" if last_at else "looks"
    return f"{username}: its {which} are left out, since one is missing. Import the file again once it is whole."
