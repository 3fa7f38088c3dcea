"""The kinds of account that have a table of their own on the hiscores, and how the tables tell them apart. Pure.

Every kind of ironman stands on the ironman table besides its own and main. After a hardcore's death, or when somebody
leaves ironman, the old row stays as it was while the others move on. So what tells the mode is whose xp goes on. The
tables are asked one after the other, main first, then ironman, then the others: then a logout in between can make a
later one move on, which proves nothing, but never an earlier one, which would look like a row that stays.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from osrsdiff.game.metrics import OVERALL, MetricKind, kind_of, may_fall
from osrsdiff.game.snapshots import Difference, Sheet


class GameMode(StrEnum):
    """How an account is played. Group ironmen have no table per player and look regular."""

    REGULAR = "regular"
    IRONMAN = "ironman"
    HARDCORE = "hardcore_ironman"
    ULTIMATE = "ultimate_ironman"


SECOND_LOOK_AFTER = timedelta(minutes=5)
"""So long after a first look that found another mode a second one has to find the same."""
SECOND_LOOK_WITHIN = timedelta(hours=36)
"""After so long the first one tells nothing of now. Two daily rounds can be the two looks."""

Tables = Mapping[GameMode, int | None]
"""The total xp on each table that was asked: None where the player is not on it, 0 where it tells of no xp."""

Sheets = Mapping[GameMode, Sheet | None]
"""What each table that was asked shows of a player; None where the player is not on it."""


class ModeChange(Struct, frozen=True):
    """That a player's mode became `mode` between `after` (None: nobody knows since when) and the look `at`."""

    at: datetime
    after: datetime | None
    before: GameMode
    mode: GameMode


class Verdict(StrEnum):
    """What a look at the tables comes to."""

    RIGHT = "right"
    """The mode is what it was taken for."""
    PENDING = "pending"
    """Another mode, or one that nobody has seen a reason for: a second look has to find it too."""
    FIRST = "first"
    """What the mode is, of a player whose mode had never been shown."""
    CHANGED = "changed"
    """Another mode than before."""
    IMPOSSIBLE = "impossible"
    """A mode that this account can't have got into: the name has another owner."""


class Pending(Struct, frozen=True):
    """What a first look has found, and when."""

    mode: GameMode
    at: datetime


def totals(sheets: Sequence[Sheet]) -> list[int]:
    """The total xp of each sheet by what all of them know: Overall, else their skills; zeros where nothing is known."""
    overall = [_known(sheet, OVERALL) for sheet in sheets]
    if all(overall):
        return overall
    skills = [key for key in sheets[0] if key != OVERALL and kind_of(key) is MetricKind.SKILL] if sheets else []
    shared = [key for key in skills if all(key in sheet and sheet[key].value is not None for sheet in sheets)]
    return [sum(_known(sheet, key) for key in shared) for sheet in sheets]


def _known(sheet: Sheet, metric: str) -> int:
    reading = sheet.get(metric)
    return 0 if reading is None or reading.value is None else reading.value


def compared(sheets: Sheets) -> Tables:
    """The total xp on each table, such that they can be compared."""
    present = [sheet for sheet in sheets.values() if sheet is not None]
    xp = iter(totals(present))
    return {mode: None if sheet is None else next(xp) for mode, sheet in sheets.items()}


def detect(tables: Tables) -> GameMode | None:
    """The mode that the tables tell of; None where they don't: nowhere listed, nothing known, too few asked."""
    main, ironman = tables.get(GameMode.REGULAR), tables.get(GameMode.IRONMAN)
    if not {GameMode.REGULAR, GameMode.IRONMAN} <= tables.keys() or 0 in tables.values():
        return None
    if ironman is None:
        return None if main is None else GameMode.REGULAR
    kind = GameMode.IRONMAN
    for own in (GameMode.HARDCORE, GameMode.ULTIMATE):
        xp = tables.get(own)
        if xp is not None and xp >= ironman:
            kind = own
            break
    goes_on = tables[kind]
    return GameMode.REGULAR if main is not None and goes_on is not None and goes_on < main else kind


def has_its_rows(mode: GameMode, tables: Tables) -> bool:
    """Whether the player is on each table that one who was shown to be of `mode` is on for good.

    Rows stay where a mode is left, so one that is gone says that a table forgets people for a while, and nothing else.
    Main may lack an ironman.
    """
    rows = {mode} if mode is GameMode.REGULAR else {GameMode.IRONMAN, mode}
    return all(tables.get(table) is not None for table in rows)


def is_behind(row: Sheet, known: Sheet) -> bool:
    """Whether a row shows less than what is known of something that can't fall."""
    return any(
        reading.value is not None and reading.value < _known(known, metric) and not may_fall(metric)
        for metric, reading in row.items()
    )


def is_possible(before: GameMode, after: GameMode) -> bool:
    """Whether one account can get from one mode into the other: only by losing restrictions."""
    return before is after or (before is not GameMode.REGULAR and after in (GameMode.REGULAR, GameMode.IRONMAN))


def judge(
    mode: GameMode, found: GameMode, now: datetime, *, is_checked: bool, pending: Pending | None = None
) -> Verdict:
    """What it means that the tables tell of `found` for a player who was taken for `mode`.

    `is_checked`: whether that was ever shown; if not, a kind of ironman is believed at once, since only its own row
    can tell of it, while a table may forget anybody for a moment. `pending`: what an earlier look has found; one
    longer ago than SECOND_LOOK_WITHIN counts no more.
    """
    if not is_checked and found is not GameMode.REGULAR:
        return Verdict.RIGHT if found is mode else Verdict.FIRST
    if is_checked and found is mode:
        return Verdict.RIGHT
    if pending is None or pending.mode is not found:
        return Verdict.PENDING
    if not SECOND_LOOK_AFTER <= now - pending.at <= SECOND_LOOK_WITHIN:
        return Verdict.PENDING
    if not is_checked:
        return Verdict.RIGHT if found is mode else Verdict.FIRST
    return Verdict.CHANGED if is_possible(mode, found) else Verdict.IMPOSSIBLE


def shows_own_row(found: Difference) -> bool:
    """Whether a look at the table of the player's mode shows that its row goes on: something was gained."""
    return any(change.gained > 0 for change in found.changes)
