"""Why a file or a row of one can't be used, in words."""

import re
from pathlib import Path

import msgspec

from osrsdiff.errors import FileNotUsable

_PLACE = re.compile(r" - at `\$\.?([^`]*)`$")
_LONGEST = 300


def printable(reason: str) -> str:
    """A reason that quotes a file, fit to be shown: not too long, and what can't be printed is replaced."""
    shown = reason if len(reason) <= _LONGEST else f"{reason[:_LONGEST]}…"
    return shown if shown.isprintable() else "".join(one if one.isprintable() else "\ufffd" for one in shown)


def explained(error: msgspec.ValidationError) -> str:
    """Why a row is no item, the field first."""
    text = str(error)
    found = _PLACE.search(text)
    if found is None or not found[1]:
        return printable(f"{text}.")
    return printable(f"{found[1]}: {text[: found.start()]}.")


def unreadable(path: Path, error: object) -> FileNotUsable:
    """A file that can't be read. `error`: why."""
    why = error.strerror or error if isinstance(error, OSError) else error
    return FileNotUsable(f"{path} can't be read: {why}.")


def unwritable(path: Path, error: object) -> FileNotUsable:
    """A file that can't be written likewise."""
    why = error.strerror or error if isinstance(error, OSError) else error
    return FileNotUsable(f"{path} can't be written: {why}.")


def no_export(path: Path, why: str) -> FileNotUsable:
    """A file that is something else. `why`: a sentence."""
    return FileNotUsable(f"{path} is no export of osrsdiff: {why}")
