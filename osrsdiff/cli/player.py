"""`osrsdiff player`: add, list, show, pause, resume, retime, fetch and remove players.

Its commands about game modes and names are in modules of their own.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import IO

import click
from rich.text import Text

from osrsdiff.api import schemas
from osrsdiff.api.documents import player_document
from osrsdiff.api.sight import builds_document
from osrsdiff.cli import asking, output, profiles, tables, wording
from osrsdiff.cli.documents import PlayerShown
from osrsdiff.cli.fetching import WAIT, finish, look_at, save_each
from osrsdiff.cli.frame import Commands
from osrsdiff.cli.inputs import FILE, INTERVAL, JSON, NAMES, names_given
from osrsdiff.cli.instances import on_instance
from osrsdiff.cli.modes import check_mode, modes
from osrsdiff.cli.rename import COMMANDS as RENAMING
from osrsdiff.cli.tally import Tally
from osrsdiff.game.modes import GameMode
from osrsdiff.game.usernames import tracked_name
from osrsdiff.storage.history import SheetRow
from osrsdiff.storage.players import Player
from osrsdiff.tracking import players, sight
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import Applied

NAME = click.argument("name", metavar="NAME")


@click.group(cls=Commands)
def player() -> None:
    """Add, list, show, rename, pause, resume, fetch and remove players.

    A name may be written in any spelling that the game takes for the same: "Lynx Titan", lynx_titan.
    """


player.add_command(modes)
player.add_command(check_mode)
for command in RENAMING:
    player.add_command(command)


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
        added = await save_each(given, tally, lambda name: _added(instance, name, interval))
        return await look_at(instance, added, tally, wait=wait, must=False)

    finish(tally, fetching=on_instance(add_all))


@player.command("list")
@click.option("--active/--paused", "is_active", default=None, help="Only the active or only the paused ones.")
@click.option("--mode", type=click.Choice([mode.value for mode in GameMode]), help="Only players of this game mode.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many at most.")
@click.option("--after", metavar="NAME", help="Those that follow this name.")
@JSON
def list_(is_active: bool | None, mode: str | None, limit: int, after: str | None, as_json: bool) -> None:
    """List the tracked players by name."""
    follows = None if after is None else tracked_name(after)
    wanted = None if mode is None else GameMode(mode)
    read = partial(players.list_players, after=follows, limit=limit + 1, is_active=is_active, game_mode=wanted)
    found = on_instance(read, attached=False)
    shown, further = found[:limit], len(found) > limit
    if as_json:
        items = [player_document(one) for one in shown]
        output.print_json(schemas.PlayerPage(items, items[-1].username if further else None))
        return
    profiles.print_players(shown, datetime.now(UTC))
    if not shown:
        is_some = is_active is not None or wanted is not None or follows is not None
        output.note("No such players." if is_some else "No players here. Add one with: osrsdiff player add NAME")
    if further:
        output.note(f"There are more: --after {shown[-1].username!r}, or a larger --limit.")


@player.command()
@NAME
@JSON
def show(name: str, as_json: bool) -> None:
    """Show one player: schedule, last and next look, game mode, levels."""
    found, sheet, next_look = on_instance(partial(_look_up, name))
    headline, builds = profiles.headline_of(sheet), builds_document(sheet)
    if as_json:
        output.print_json(PlayerShown(player_document(found), next_look, headline, builds))
    else:
        tables.print_line(Text(found.display_name, style="bold"))
        tables.print_facts(profiles.facts(found, next_look, headline, builds, datetime.now(UTC)))


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

        wanted = await save_each(names_given(names, None), tally, found)
        return await look_at(instance, wanted, tally, wait=wait, must=True)

    finish(tally, fetching=on_instance(fetch_all))


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


async def _look_up(name: str, instance: Instance) -> tuple[Player, list[SheetRow], datetime | None]:
    found, sheet = await sight.player_sheet(instance, name)
    return found, sheet, await sight.next_fire(instance, found)
