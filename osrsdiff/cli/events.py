"""`osrsdiff events`: what happened, to everybody, a group or a player."""

from datetime import UTC, datetime

import click
from rich.text import Text

from osrsdiff.api.events import page_document
from osrsdiff.cli import output, tables, wording
from osrsdiff.cli.frame import Command
from osrsdiff.cli.inputs import AFTER, GROUP, JSON
from osrsdiff.cli.instances import on_instance
from osrsdiff.game.events import EventKind, title
from osrsdiff.storage.events import Happened
from osrsdiff.tracking.events import DEFAULT_LIMIT, MOST_AT_ONCE, Asked, EventPage, list_events, player_events
from osrsdiff.tracking.instance import Instance

_STYLES = {
    EventKind.ACHIEVEMENT: "green",
    EventKind.RECORD: "cyan",
    EventKind.MODE_CHANGE: "yellow",
    EventKind.NOT_FOUND: "red",
    EventKind.FLAGGED: "red",
}


@click.command(cls=Command)
@click.argument("name", metavar="[NAME]", required=False)
@GROUP
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in EventKind]),
    metavar="KIND",
    help=f"Only events of this kind: {', '.join(EventKind)}.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, MOST_AT_ONCE),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="How many at most.",
)
@AFTER
@JSON
def events(name: str | None, group: str | None, kind: str | None, limit: int, after: str | None, as_json: bool) -> None:
    """Show what happened, the newest first.

    Of everybody, of a group, or of the player NAME. "Within" is how long before it was seen it may have happened: since
    the look before, of a record since the look that it counts from.
    """
    if name is not None and group is not None:
        raise click.UsageError("Give either NAME or --group, not both.")
    asked = Asked(EventKind(kind) if kind else None, limit, after)

    async def read(instance: Instance) -> EventPage:
        if name is not None:
            return (await player_events(instance, name, asked))[1]
        return await list_events(instance, asked, group=group)

    page = on_instance(read, attached=False)
    if as_json:
        output.print_json(page_document(page))
        return
    _print(page, datetime.now(UTC), with_player=name is None)
    if page.next is not None:
        output.note(f"There is more: --after {page.next}, or a larger --limit.")


def _print(page: EventPage, now: datetime, *, with_player: bool) -> None:
    if not page.items:
        output.note("Nothing happened.")
        return
    headings = ["Seen", "Within", *(["Player"] if with_player else []), "What"]
    rows = (_row(one, now, with_player=with_player) for one in page.items)
    tables.print_table(headings, rows, right=("Within",), wrapped=("What",))


def _row(one: Happened, now: datetime, *, with_player: bool) -> list[tables.Cell]:
    event = one.event
    within = "" if event.after is None else wording.span(event.at - event.after)
    what = Text(title(event), style=_STYLES.get(event.kind, ""))
    return [wording.local(event.at, now), within, *([one.display_name] if with_player else []), what]
