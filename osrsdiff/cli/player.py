"""`osrsdiff player`: add, list, show, pause, resume, retime, fetch and remove players."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import IO

import click
from rich.text import Text

from osrsdiff.api import schemas
from osrsdiff.api.documents import player_document
from osrsdiff.cli import asking, output, tables, timetable, wording
from osrsdiff.cli.documents import Headline, PlayerShown
from osrsdiff.cli.fetching import MOST_WAITED_FOR, Saved, look_at
from osrsdiff.cli.frame import Commands
from osrsdiff.cli.inputs import FILE, INTERVAL, JSON, names_given
from osrsdiff.cli.instances import on_instance
from osrsdiff.cli.tally import Tally
from osrsdiff.errors import UserError
from osrsdiff.game.absence import is_not_found
from osrsdiff.game.levels import combat_level, total_level
from osrsdiff.game.metrics import OVERALL, MetricKind
from osrsdiff.game.usernames import canonical
from osrsdiff.storage.history import SheetRow
from osrsdiff.storage.players import Player
from osrsdiff.tracking import players, sight
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import Applied

NAMES = click.argument("names", nargs=-1, metavar="NAME...", required=True)
NAME = click.argument("name", metavar="NAME")
WAIT = click.option(
    "--wait/--no-wait",
    default=None,
    help=f"Wait for how each look ends; by default for up to {MOST_WAITED_FOR} names.",
)


@click.group(cls=Commands)
def player() -> None:
    """Add, list, show, pause, resume, fetch and remove players.

    A name may be written in any spelling that the game takes for the same: "Lynx Titan", lynx_titan.
    """


@player.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@FILE
@click.option("--interval", type=INTERVAL, metavar="MINUTES", help="How often to look, 1 to 43200 minutes.")
@WAIT
@JSON
def add(names: Sequence[str], file: IO[str] | None, interval: int | None, wait: bool | None, as_json: bool) -> None:
    """Track players, and look at each at once.

    Each name's outcome is reported; one that is refused does not stop the others.
    """
    given = names_given(names, file)
    if not given:
        raise click.UsageError("Give at least one name, or --file.")
    tally = Tally(as_json)

    async def add_all(instance: Instance) -> bool:
        saved = await _saved(given, tally, lambda name: _added(instance, name, interval))
        return await look_at(instance, saved, tally, wait=wait, must=False)

    _finish(tally, fetching=on_instance(add_all))


@player.command("list")
@click.option("--active/--paused", "is_active", default=None, help="Only the active or only the paused ones.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many at most.")
@click.option("--after", metavar="NAME", help="Those that follow this name.")
@JSON
def list_(is_active: bool | None, limit: int, after: str | None, as_json: bool) -> None:
    """List the tracked players by name."""
    follows = None if after is None else canonical(after)
    read = partial(players.list_players, after=follows, limit=limit + 1, is_active=is_active)
    found = on_instance(read, attached=False)
    shown, further = found[:limit], len(found) > limit
    if as_json:
        items = [player_document(one) for one in shown]
        output.print_json(schemas.PlayerPage(items, items[-1].username if further else None))
        return
    _print_players(shown, datetime.now(UTC))
    if not shown:
        output.note("No players here. Add one with: osrsdiff player add NAME")
    if further:
        output.note(f"There are more: --after {shown[-1].username!r}, or a larger --limit.")


@player.command()
@NAME
@JSON
def show(name: str, as_json: bool) -> None:
    """Show one player: schedule, last and next look, levels."""
    found, sheet, next_look = on_instance(partial(_look_up, name))
    headline = _headline(sheet)
    if as_json:
        output.print_json(PlayerShown(player_document(found), next_look, headline))
    else:
        tables.print_line(Text(found.display_name, style="bold"))
        tables.print_facts(_facts(found, next_look, headline, datetime.now(UTC)))


@player.command()
@NAMES
def pause(names: Sequence[str]) -> None:
    """Stop looking at players; their history stays."""
    _change_each(names, players.pause_player, lambda _: "paused")


@player.command()
@NAMES
def resume(names: Sequence[str]) -> None:
    """Look at paused players again."""
    _change_each(names, players.resume_player, lambda p: f"active, every {wording.every(p.fetch_interval_minutes)}")


@player.command()
@NAME
@click.argument("minutes", type=INTERVAL)
def interval(name: str, minutes: int) -> None:
    """Look at a player every so many minutes, 1 to 43200."""

    async def change(instance: Instance, each: str) -> Applied:
        return await players.set_interval(instance, each, minutes)

    _change_each([name], change, lambda p: f"every {wording.every(p.fetch_interval_minutes)}")


@player.command()
@NAMES
@WAIT
@JSON
def fetch(names: Sequence[str], wait: bool | None, as_json: bool) -> None:
    """Look at players now, besides their schedule; paused ones too."""
    tally = Tally(as_json)

    async def fetch_all(instance: Instance) -> bool:
        async def found(name: str) -> tuple[Player, str]:
            return await players.get_player(instance, name), ""

        saved = await _saved(names_given(names, None), tally, found)
        return await look_at(instance, saved, tally, wait=wait, must=True)

    _finish(tally, fetching=on_instance(fetch_all))


@player.command()
@NAMES
@asking.YES
def remove(names: Sequence[str], yes: bool) -> None:
    """Forget players with their whole history. This can't be undone; `pause` keeps it."""
    given = names_given(names, None)
    if not yes:
        question = f"Remove {', '.join(given)} with the whole history? This can't be undone."
        asking.ask(question, otherwise="Removing deletes the history too")
    _change_each(given, players.remove_player, lambda _: "removed, with its history")


async def _added(instance: Instance, name: str, minutes: int | None) -> tuple[Player, str]:
    one = (await players.add_player(instance, name, interval_minutes=minutes)).player
    return one, f"added, every {wording.every(one.fetch_interval_minutes)}"


async def _saved(
    names: Sequence[str], tally: Tally, save: Callable[[str], Awaitable[tuple[Player, str]]]
) -> list[Saved]:
    """What `save` did to each name that it did not refuse."""
    saved = []
    for name in names:
        try:
            saved.append(Saved(name, *await save(name)))
        except UserError as error:
            tally.refused(name, error)
    return saved


def _change_each(
    names: Sequence[str],
    change: Callable[[Instance, str], Awaitable[Applied]],
    in_words: Callable[[Player], str],
) -> None:
    tally = Tally()

    async def change_all(instance: Instance) -> None:
        async def changed(name: str) -> tuple[Player, str]:
            applied = await change(instance, name)
            later = "" if applied.scheduled else "; takes effect when `osrsdiff run` has a Redis again"
            return applied.player, in_words(applied.player) + later

        await tally.each(names_given(names, None), changed)

    on_instance(change_all)
    click.get_current_context().exit(tally.exit_code)


def _finish(tally: Tally, *, fetching: bool) -> None:
    if tally.as_json:
        output.print_json(tally.document(fetching=fetching))
    click.get_current_context().exit(tally.exit_code)


async def _look_up(name: str, instance: Instance) -> tuple[Player, list[SheetRow], datetime | None]:
    found, sheet = await sight.player_sheet(instance, name)
    return found, sheet, await sight.next_fire(instance, found)


def _print_players(found: Sequence[Player], now: datetime) -> None:
    def ago(at: datetime | None) -> str:
        return "never" if at is None else wording.ago(at, now)

    rows = [
        (
            one.display_name,
            "active" if one.is_active else Text("paused", style="yellow"),
            wording.every(one.fetch_interval_minutes),
            ago(one.last_look_at),
            ago(one.last_changed_at),
            timetable.outcome(one, now),
        )
        for one in found
    ]
    if rows:
        tables.print_table(("Player", "State", "Every", "Last look", "Last change", "Last outcome"), rows)


_NO_NEXT_LOOK = {True: "none scheduled while `osrsdiff run` is down", False: "none while paused"}


def _facts(found: Player, next_look: datetime | None, headline: Headline, now: datetime) -> dict[str, tables.Cell]:
    every = wording.every(found.fetch_interval_minutes)
    facts: dict[str, tables.Cell] = {
        "Game mode": found.game_mode.replace("_", " "),
        "State": f"active, looked at every {every}" if found.is_active else f"paused (else every {every})",
        "Next look": wording.moment(next_look, now, _NO_NEXT_LOOK[found.is_active]),
        "Last look": wording.moment(found.last_look_at, now),
        "Last change": wording.moment(found.last_changed_at, now),
        "Last outcome": wording.outcome(found.last_outcome),
        "Tracked since": wording.moment(found.created_at, now),
    }
    if found.missing_since is not None:
        is_slowed = found.is_active and is_not_found(found.missing_since, found.failures, now)
        slowed = ", so looked at less often" if is_slowed else ""
        facts["Not found"] = Text(f"since {wording.moment(found.missing_since, now)}{slowed}", style="yellow")
    if found.failures:
        facts["Failures"] = f"{found.failures} in a row, the last try {wording.moment(found.last_attempt_at, now)}"
    if headline.overall_xp is not None or headline.combat_level is not None:
        facts["Total level"] = wording.number(headline.total_level)
        facts["Combat level"] = wording.number(headline.combat_level)
        facts["Overall"] = f"{wording.number(headline.overall_xp)} xp, rank {wording.number(headline.overall_rank)}"
    return facts


def _headline(sheet: Sequence[SheetRow]) -> Headline:
    skills = {row.metric.key: row.reading for row in sheet if row.metric.kind is MetricKind.SKILL}
    overall = skills.pop(OVERALL, None)
    levels = {key: reading.level for key, reading in skills.items() if reading.level is not None}
    if not levels and overall is None:
        return Headline()
    return Headline(
        total_level=total_level(levels, overall.level if overall else None),
        combat_level=combat_level(levels) if levels else None,
        overall_xp=overall.value if overall else None,
        overall_rank=overall.rank if overall else None,
    )
