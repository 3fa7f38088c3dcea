"""Which instance a command is about: what the global options say, and the configuration that follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from osrsdiff import config, logs


@dataclass
class Place:
    """What the global options say."""

    config_path: Path | None = None
    data_dir: Path | None = None
    debug: bool = False


def configured(
    flags: Mapping[str, object] | None = None,
    *,
    given: Mapping[str, tuple[object, str]] | None = None,
    serves: bool = False,
) -> config.Config:
    """The configuration that this command line names; logging is set up as well.

    `flags`: `section.key` → what the command's own option says, None where it was not given. `given`: further values
    with their origins. `serves`: the command goes on running, so that its log is what is configured; others tell
    what they do themselves. Raises ConfigError.
    """
    place = click.get_current_context().ensure_object(Place)
    overrides = dict(given or {})
    overrides |= {
        key: (value, f"--{key.partition('.')[2]}") for key, value in (flags or {}).items() if value is not None
    }
    if place.debug:
        overrides["log.level"] = ("debug", "--debug")
    loaded = config.load(config_path=place.config_path, data_dir=place.data_dir, overrides=overrides)
    logs.setup(loaded.log.level if serves or place.debug else "error", loaded.log.format)
    return loaded
