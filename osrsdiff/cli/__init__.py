"""The `osrsdiff` command: every subcommand in one table, loaded when it is called for.

Each command is a few lines over `tracking`, the supervisor or the API. No rules, no SQL, no Redis here.
"""

import os

import click

from osrsdiff.cli.exits import EPILOG
from osrsdiff.cli.frame import LazyCommands, Listed
from osrsdiff.cli.place import Place

COMMANDS = {
    "run": Listed("osrsdiff.cli.run:run", "Run everything: Redis, migrations, API, worker, scheduler."),
    "demo": Listed("osrsdiff.cli.demo:demo", "Run everything against a simulated hiscores; needs no internet."),
    "player": Listed("osrsdiff.cli.player:player", "Add, list, show, rename, pause, fetch and remove players."),
    "schedules": Listed("osrsdiff.cli.schedules:schedules", "Show, pause, resume, verify and mend schedules."),
    "tasks": Listed("osrsdiff.cli.tasks:tasks", "Show and run the regular jobs; show what failed."),
    "diff": Listed("osrsdiff.cli.diff:diff", "Show what a player gained."),
    "rates": Listed("osrsdiff.cli.rates:rates", "Show how fast a player goes on, and where that leads."),
    "history": Listed("osrsdiff.cli.history:history", "Show the course of one metric of a player."),
    "calendar": Listed("osrsdiff.cli.history:calendar", "Show a year of one metric by days."),
    "snapshots": Listed("osrsdiff.cli.snapshots:snapshots", "Show what each look changed; any old sheet."),
    "achievements": Listed("osrsdiff.cli.achievements:achievements", "Show what a player has reached."),
    "events": Listed("osrsdiff.cli.events:events", "Show what happened, to everybody, a group or a player."),
    "records": Listed("osrsdiff.cli.records:records", "Show the most ever gained in a day, week, month, year."),
    "leaderboard": Listed("osrsdiff.cli.leaderboard:leaderboard", "Show who is first in a metric."),
    "group": Listed("osrsdiff.cli.group:group", "Make groups of players, and say who is in them."),
    "compare": Listed("osrsdiff.cli.compare:compare", "Show players side by side."),
    "review": Listed("osrsdiff.cli.review:review", "Decide about players whose sheet collapsed."),
    "status": Listed("osrsdiff.cli.status:status", "Show whether everything runs and keeps up."),
    "token": Listed("osrsdiff.cli.token:token", "Create, list and revoke the API's tokens."),
    "export": Listed("osrsdiff.cli.export:export", "Write what is kept of players into a file."),
    "import": Listed("osrsdiff.cli.import_:import_", "Bring in such a file, or dated values from elsewhere."),
    "config": Listed("osrsdiff.cli.config_:config", "Show and check the configuration."),
    "db": Listed("osrsdiff.cli.db:db", "Create, migrate and inspect the database."),
    "migrate-from": Listed("osrsdiff.cli.migrate_from:migrate_from", "Carry an install of OSRS Diff over."),
    "api": Listed("osrsdiff.cli.api:api", "Run the API alone."),
    "worker": Listed("osrsdiff.cli.worker:worker", "Run the workers alone."),
    "scheduler": Listed("osrsdiff.cli.worker:scheduler", "Run the scheduler alone."),
    "prepare": Listed("osrsdiff.cli.prepare:prepare", ""),
}


@click.group(cls=LazyCommands, listed=COMMANDS, epilog=EPILOG, no_args_is_help=True)
@click.option("--debug", is_flag=True, help="Log every step, and show the traceback of an unexpected error.")
@click.version_option(package_name="osrsdiff", message="osrsdiff %(version)s")
@click.pass_context
def osrsdiff(context: click.Context, debug: bool) -> None:
    """Track Old School RuneScape players: what each has gained, since when, and how sure that is.

    Start with `osrsdiff run`, then from another terminal `osrsdiff player add "Lynx Titan"`.
    """
    context.ensure_object(Place).debug = debug
    if os.environ.get("NO_COLOR"):
        context.color = False


def main() -> None:
    """What the console script calls."""
    osrsdiff(prog_name="osrsdiff")
