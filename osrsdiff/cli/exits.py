"""How a command ends: which error gives which exit code, and the one line that says so."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import click

from osrsdiff.errors import OsrsdiffError, SetupError, Unreachable, UserError

NOT_DONE = 1
BAD_INPUT = 2
NOT_SET_UP = 3
UNREACHABLE = 4
INTERRUPTED = 130

EPILOG = """\b
Exit codes:
  0  done
  1  not done, or in part: a name refused among several, a fetch without data,
     a status that is not healthy
  2  bad usage or input
  3  not set up: no instance, a bad configuration, a database that is newer or busy
  4  Redis or the database does not answer
"""


def exit_code(error: OsrsdiffError) -> int:
    """The exit code of an error that ends a command."""
    match error:
        case UserError():
            return BAD_INPUT
        case SetupError():
            return NOT_SET_UP
        case Unreachable():
            return UNREACHABLE
        case _:
            return NOT_DONE


@contextmanager
def stoppable(what_remains: str) -> Iterator[None]:
    """Around work that Ctrl-C may stop halfway: says what remains, and ends the command."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(err=True)
        _say(what_remains)
        click.get_current_context().exit(INTERRUPTED)


def report(error: OsrsdiffError) -> None:
    """Says on standard error what is wrong."""
    complain(str(error))


def complain(text: str) -> None:
    """The same of what is told without an error."""
    _say(f"Error: {text}")


def report_unexpected(error: Exception, *, debug: bool) -> None:
    """Says that this is a defect; the traceback only where somebody asked for it."""
    if debug:
        _say("".join(traceback.format_exception(error)).rstrip())
    first_line = f"{type(error).__name__}: {error}".splitlines()[0]
    hint = "" if debug else " This should not happen; `osrsdiff --debug …` shows where it comes from."
    _say(f"Error: {first_line}{hint}")


def _say(text: str) -> None:
    click.secho(text, err=True, fg="red")
