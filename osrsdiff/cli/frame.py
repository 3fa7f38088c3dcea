"""How commands are found, parsed and ended: imported when called, `--config` and `--data-dir` anywhere, one exit."""

import errno
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import click

from osrsdiff.cli import exits
from osrsdiff.cli.place import Place
from osrsdiff.errors import OsrsdiffError


class Listed(NamedTuple):
    """Where a command is (`module:attribute`), and its line in the help, which loads nothing; empty hides it."""

    target: str
    summary: str


def _remember(context: click.Context, parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        setattr(context.find_root().ensure_object(Place), str(parameter.name), value)


def _location(*, hidden: bool) -> list[click.Parameter]:
    path = click.Path(path_type=Path, readable=False)  # what can't be read is told by whoever reads it
    shared: dict[str, Any] = {"type": path, "expose_value": False, "callback": _remember, "hidden": hidden}
    return [
        click.Option(["--config", "config_path"], metavar="PATH", help="The configuration file.", **shared),
        click.Option(["--data-dir"], metavar="PATH", help="The directory that holds the instance.", **shared),
    ]


class Command(click.Command):
    """A command that takes `--config` and `--data-dir` too, so that they may stand at the end of a line."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own parameters and the two."""
        return [*_location(hidden=True), *super().get_params(ctx)]


class Commands(click.Group):
    """A group of such commands."""

    command_class = Command

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own parameters and the two; shown in the help of the outermost group only."""
        return [*_location(hidden=ctx.parent is not None), *super().get_params(ctx)]


class LazyCommands(Commands):
    """The outermost group: imports only the command that is called, and ends each with its exit code."""

    def __init__(self, *args: Any, listed: Mapping[str, Listed], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.listed = listed
        self.context_settings = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """In the order of the table, which is that of use."""
        return list(self.listed)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - the same
        """The command, imported now; None where the table lacks it."""
        if cmd_name not in self.listed:
            return None
        module, _, attribute = self.listed[cmd_name].target.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the same
        """The table's lines."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, listed.summary) for name, listed in self.listed.items() if listed.summary])

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command called. Here every error becomes a line and an exit code."""
        try:
            return super().invoke(ctx)
        except OsrsdiffError as error:
            exits.report(error)
            ctx.exit(exits.exit_code(error))
        except KeyboardInterrupt:
            click.echo(err=True)
            ctx.exit(exits.INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise
            exits.report_unexpected(error, debug=ctx.ensure_object(Place).debug)
            ctx.exit(exits.NOT_DONE)
