"""How this program logs: a constant event phrase and fields, one line an event, to standard error.

`player fetched player=lynx_titan outcome=changed metrics=4 ms=212`, or the same as one JSON object a line.
"""

import logging
import re
import sys
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

_NEEDS_QUOTES = re.compile(r'^$|[ ="\n]')


class EventLogger:
    """A standard logger that takes an event phrase and fields."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def tells_steps(self) -> bool:
        """Whether `debug` leads to a line: to ask costs less than to say what nobody reads."""
        return self._logger.isEnabledFor(logging.DEBUG)

    def debug(self, event: str, **fields: object) -> None:
        """A step, for whoever looks closely."""
        self._log(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Something done."""
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Something that healed itself or will."""
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Something that needs a person."""
        self._log(logging.ERROR, event, fields)

    def exception(self, event: str, **fields: object) -> None:
        """An error with the traceback of the exception being handled; only at the boundaries that catch all."""
        self._log(logging.ERROR, event, fields, exc_info=True)

    def _log(self, level: int, event: str, fields: dict[str, object], *, exc_info: bool = False) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, event, extra={"fields": fields}, exc_info=exc_info)


def get(name: str) -> EventLogger:
    """The logger of a module."""
    return EventLogger(name)


def setup(level: str, form: str) -> None:
    """Sends all logging of this process to standard error as lines of `form` (`text` or `json`)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if form == "json" else _TextLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("taskiq").setLevel(max(logging.WARNING, logging.getLogger().level))
    for chatty in ("aiohttp.access", "aiosqlite"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class _TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = getattr(record, "fields", {})
        line = " ".join([_at(record), f"{record.levelname:<7}", record.getMessage(), *map(_pair, fields.items())])
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"at": _at(record), "level": record.levelname.lower(), "event": record.getMessage()}
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def _at(record: logging.LogRecord) -> str:
    return f"{_second(int(record.created))}.{int(record.msecs):03d}Z"


@lru_cache(maxsize=1)
def _second(created: int) -> str:
    return datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _pair(field: tuple[str, object]) -> str:
    name, value = field
    text = value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)
    return f"{name}={msgspec.json.encode(text).decode() if _NEEDS_QUOTES.search(text) else text}"
