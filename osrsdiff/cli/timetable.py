"""How schedules read: a page of players with their next and last fetches, and one player's schedule in full."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.text import Text

from osrsdiff.cli import tables, wording
from osrsdiff.scheduling.cron import phase_s
from osrsdiff.storage.players import Player
from osrsdiff.tracking import schedules
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.schedules import Scheduled, ScheduledPage, ScheduleShown, Stored
from osrsdiff.tracking.selection import Only
from osrsdiff.tracking.status import OK, readiness


async def read(instance: Instance, *, only: Only | None, after: str | None, limit: int) -> tuple[ScheduledPage, bool]:
    """A page, and whether Redis had its say in it. Raises what `list_schedules` does."""
    page = await schedules.list_schedules(instance, only=only, after=after, limit=limit)
    is_complete = all(one.next_fire is not None for one in page.items if one.player.is_active)
    return page, is_complete or (await readiness(instance)).parts["redis"] == OK


def print_page(items: Sequence[Scheduled], now: datetime, *, redis_answers: bool) -> None:
    """A table of players; nothing where there are none."""
    rows = [
        (
            one.player.display_name,
            wording.every(one.player.fetch_interval_minutes),
            _next(one, now, redis_answers=redis_answers),
            "never" if one.player.last_attempt_at is None else wording.ago(one.player.last_attempt_at, now),
            outcome(one.player, now),
        )
        for one in items
    ]
    if rows:
        tables.print_table(("Player", "Every", "Next fetch", "Last fetch", "Last outcome"), rows)


def outcome(one: Player, now: datetime) -> tables.Cell:
    """How the last fetch ended, and how often in a row it has failed."""
    if one.missing_since is not None:
        return Text(f"not found since {wording.day(one.missing_since, now)}", style="yellow")
    times = f" ({one.failures}x)" if one.failures > 1 else ""
    return Text(wording.outcome(one.last_outcome) + times, style="yellow" if one.failures else "")


def print_schedule(shown: ScheduleShown, now: datetime) -> None:
    """One player's schedule: what the database says beside what Redis holds."""
    one = shown.player
    tables.print_line(Text(one.display_name, style="bold"))
    facts: dict[str, tables.Cell] = {
        "State": "active" if one.is_active else Text("paused", style="yellow"),
        "Next fetch": _next_of(shown, now),
        "Last fetch": _last(one, now),
        "Redis": Text(verdict(shown), style=_VERDICT_STYLES[shown.agrees]),
    }
    tables.print_facts(facts)
    if not one.is_active and shown.stored is None:
        return
    tables.print_line("")
    tables.print_table(("Schedule", "Database", "Redis"), list(_compared(shown)))


def _next(one: Scheduled, now: datetime, *, redis_answers: bool) -> tables.Cell:
    if not one.player.is_active:
        return Text("paused", style="yellow")
    if one.next_fire is None:
        return Text("not scheduled", style="red") if redis_answers else "unknown"
    return Text(wording.fire(one.next_fire, now), style="yellow" if one.is_overdue else "")


def _next_of(shown: ScheduleShown, now: datetime) -> tables.Cell:
    if not shown.player.is_active:
        return "none while paused"
    if shown.next_fire is None:
        return "unknown" if shown.agrees is None else Text("none", style="red")
    return f"{wording.local(shown.next_fire, now)} ({wording.fire(shown.next_fire, now)})"


def _last(one: Player, now: datetime) -> str:
    if one.last_attempt_at is None:
        return "never"
    failures = f", {wording.counted(one.failures, 'failure')} in a row" if one.failures else ""
    return f"{wording.moment(one.last_attempt_at, now)}: {wording.outcome(one.last_outcome)}{failures}"


def verdict(shown: ScheduleShown) -> str:
    """Whether Redis holds what it should."""
    match shown.agrees:
        case None:
            return "does not answer"
        case True:
            return "agrees with the database"
        case False:
            return "does not agree with the database; mended by: osrsdiff schedules verify"


_VERDICT_STYLES = {None: "", True: "green", False: "red"}


def _compared(shown: ScheduleShown) -> Iterator[tuple[tables.Cell, ...]]:
    """Rows of name, what should be, what is; the latter marked where it differs."""
    unknown = "?" if shown.agrees is None else "-"
    found = _in_words(shown.stored) if shown.stored else (unknown,) * 4
    for name, should_be, is_so in zip(_COMPARED, _in_words(_wanted(shown)), found, strict=True):
        yield name, should_be, is_so if is_so in (should_be, "?") else Text(is_so, style="red")


_COMPARED = ("Id", "Every", "Phase", "Cron (UTC)")


def _wanted(shown: ScheduleShown) -> Stored:
    """What Redis should hold: nothing while the player is paused."""
    one = shown.player
    minutes = one.fetch_interval_minutes if one.is_active else None
    return Stored(one.schedule_id or "-", shown.cron, minutes, minutes and phase_s(one.id, minutes))


def _in_words(one: Stored) -> tuple[str, ...]:
    return one.schedule_id, _every(one.interval_minutes), _phase(one.phase_s), one.cron or "-"


def _every(minutes: int | None) -> str:
    return "-" if minutes is None else wording.every(minutes)


def _phase(seconds: int | None) -> str:
    """How far into its interval, counted from 1970, a player is fetched."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(seconds, 60)
    return " ".join(filter(None, (wording.every(minutes), f"{rest} s" if rest or not minutes else "")))
