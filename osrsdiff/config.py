"""What an instance is told: one frozen `Config`, from `osrsdiff.toml`, the environment and flags, in that order.

Owns every key, its default, its bounds, and where each value came from. Touches no database and no network; the only
files it reads are the configuration itself.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, parse_qsl, urlsplit

import msgspec
from msgspec import Meta, Struct
from platformdirs import user_data_path

from osrsdiff.errors import ConfigError

CONFIG_NAME = "osrsdiff.toml"
DATABASE_NAME = "osrsdiff.db"
SYSTEM_DATA_DIR = Path("/var/lib/osrsdiff")
EMBEDDED = "embedded"

_ENV_PREFIX = "OSRSDIFF_"


class Database(Struct, frozen=True, forbid_unknown_fields=True):
    """Where players and their history are kept. `url` empty: SQLite in the data directory."""

    url: Annotated[str, Meta(pattern=r"^$|^sqlite:///.+|^postgres(ql)?://.+")] = ""


class Redis(Struct, frozen=True, forbid_unknown_fields=True):
    """Where queue, schedules and request budget live."""

    url: Annotated[str, Meta(pattern=r"^embedded$|^rediss?://.+|^unix://.+")] = EMBEDDED
    allow_remote_with_sqlite: bool = False


class Api(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the API listens and who may read."""

    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    public_read: bool = True


class Hiscores(Struct, frozen=True, forbid_unknown_fields=True):
    """Which hiscores are asked, how fast, and in whose name."""

    base_url: Annotated[str, Meta(pattern=r"^https?://[^/]+")] = "https://secure.runescape.com"
    requests_per_second: Annotated[float, Meta(gt=0, le=100_000)] = 0.5
    burst: Annotated[int, Meta(ge=1, le=100_000)] = 2
    contact: Annotated[str, Meta(max_length=200, pattern=r"^[\x20-\x7e]*$")] = ""
    retries: Annotated[int, Meta(ge=0, le=20)] = 5


class Worker(Struct, frozen=True, forbid_unknown_fields=True):
    """How many processes fetch, and how many fetches each has under way."""

    processes: Annotated[int, Meta(ge=1, le=64)] = 1
    concurrency: Annotated[int, Meta(ge=1, le=1000)] = 8


class Scheduler(Struct, frozen=True, forbid_unknown_fields=True):
    """How downtime is caught up."""

    catch_up_minutes: Annotated[int, Meta(ge=1, le=1440)] = 5


class Players(Struct, frozen=True, forbid_unknown_fields=True):
    """What a newly added player gets."""

    default_interval_minutes: Annotated[int, Meta(ge=1, le=43_200)] = 60


class Log(Struct, frozen=True, forbid_unknown_fields=True):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything an instance is told.

    `origins`: for each `section.key`, where its value came from: `default`, `osrsdiff.toml:12`, `environment …`, or a
    flag. `config_path`: the file that was read, None where there was none.
    """

    data_dir: Path
    config_path: Path | None = None
    origins: Mapping[str, str] = {}
    database: Database = Database()
    redis: Redis = Redis()
    api: Api = Api()
    hiscores: Hiscores = Hiscores()
    worker: Worker = Worker()
    scheduler: Scheduler = Scheduler()
    players: Players = Players()
    log: Log = Log()

    @property
    def database_url(self) -> str:
        """The configured URL, or that of the SQLite file in the data directory."""
        return self.database.url or f"sqlite:///{self.data_dir / DATABASE_NAME}"

    @property
    def database_is_local(self) -> bool:
        """Whether the database is a SQLite file of this host."""
        return self.database_url.startswith("sqlite:")

    def environment(self) -> dict[str, str]:
        """What a child process needs in its environment to load this very configuration."""
        child = {f"{_ENV_PREFIX}DATA_DIR": str(self.data_dir)}
        if self.config_path is not None:
            child[f"{_ENV_PREFIX}CONFIG"] = str(self.config_path)
        for key, origin in self.origins.items():
            if origin.startswith(("--", "environment", "demo")):
                child[_env_name(key)] = _as_text(self.value(key))
        return child

    def value(self, key: str) -> object:
        """The value of `section.key`."""
        section, _, name = key.partition(".")
        return getattr(getattr(self, section), name)


SECTIONS: Mapping[str, type[Struct]] = {
    f.name: f.type for f in msgspec.structs.fields(Config) if isinstance(f.type, type) and issubclass(f.type, Struct)
}
KEYS: tuple[str, ...] = tuple(
    f"{section}.{f.name}" for section, struct in SECTIONS.items() for f in msgspec.structs.fields(struct)
)


def load(
    *,
    config_path: Path | None = None,
    data_dir: Path | None = None,
    overrides: Mapping[str, tuple[object, str]] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Config:
    """The configuration of the instance that flags, environment and files name.

    `overrides`: `section.key` → (value, origin), strongest of all. Raises ConfigError naming key, place and what was
    expected.
    """
    directory, explicit = _data_directory(data_dir, environment)
    path = _config_file(config_path, directory, explicit, environment)
    values: dict[str, tuple[object, str]] = {}
    if path is not None:
        values.update(_from_file(path))
    values.update(_from_environment(environment))
    values.update(overrides or {})
    return _build(directory, path, values)


def masked(value: object) -> object:
    """`value` with the passwords of a URL replaced, fit to be shown.

    Also one whose password is not percent-encoded, and so is no URL to a parser: what is before the last @ is never
    shown but for a plain user name, and nothing at all where it can't be told what is what.
    """
    if not isinstance(value, str) or "://" not in value:
        return value
    scheme, _, rest = value.partition("://")
    if scheme == "sqlite":
        return value
    secret = _SECRET_IN_QUERY.search(rest)
    login, at, place = rest.rpartition("@")
    if not _PLACE.fullmatch(place) or (secret and secret.start() < len(login)):
        return f"{scheme}://***"
    place = _SECRET_IN_QUERY.sub(r"\1***", place)
    return f"{scheme}://{_masked_login(scheme, login) if at else ''}{at}{place}"


def _masked_login(scheme: str, login: str) -> str:
    user, colon, _ = login.partition(":")
    if not _PLAIN_USER.fullmatch(user) or (not colon and scheme.startswith("redis")):  # a Redis has no user alone
        return "***"
    return f"{user}:***" if colon else user


_SECRET_IN_QUERY = re.compile(r"([?&][^=&]*(?:password|passwd|pwd|secret|token)[^=&]*=).*", re.IGNORECASE | re.DOTALL)
_PLAIN_USER = re.compile(r"[\w.%~+-]*")
_HOST = r"(?:\[[^\]/?#]*\]|[\w.%~-]*)(?::\d*)?"
_PLACE = re.compile(rf"{_HOST}(?:,{_HOST})*(?:[/?#].*)?", re.DOTALL)

UNREADABLE = (
    "can't be read as a URL. Check its port and its options, and percent-encode what is reserved in the password: "
    "/ is %2F, # is %23, ? is %3F, @ is %40, : is %3A."
)


def is_torn(url: str) -> bool:
    """Whether a parser takes part of a password for a path, a query or a fragment: an @ stands behind one of them."""
    rest = url.partition("://")[2]
    place, hash_, _ = rest.partition("#")
    path, _, query = place.partition("?")
    names = [part.partition("=")[0] for part in query.split("&")]
    return bool(hash_) or "@" in path.partition("/")[2] or any("@" in name for name in names)


def _data_directory(flag: Path | None, environment: Mapping[str, str]) -> tuple[Path, bool]:
    """The data directory, and whether somebody named it."""
    if flag is not None:
        return flag.expanduser().absolute(), True
    if named := environment.get(f"{_ENV_PREFIX}DATA_DIR"):
        return Path(named).expanduser().absolute(), True
    if state := environment.get("STATE_DIRECTORY"):
        return Path(state.split(":")[0]).absolute(), True
    own = user_data_path("osrsdiff", appauthor=False)
    if not _holds_instance(own) and _system_holds_instance():
        return SYSTEM_DATA_DIR, True
    return own, False


def _holds_instance(directory: Path) -> bool:
    return any(os.path.exists(directory / name) for name in (DATABASE_NAME, CONFIG_NAME))


def _system_holds_instance() -> bool:
    """Whether the system's service has one. Raises ConfigError where this user may not look."""
    if _holds_instance(SYSTEM_DATA_DIR):
        return True
    if not _may_read(SYSTEM_DATA_DIR):
        raise ConfigError(
            f"The system's service keeps its instance in {SYSTEM_DATA_DIR}, which this user may not read. "
            "Run the command as its user (sudo -u osrsdiff osrsdiff …) or name another one with --data-dir."
        )
    return False


def _may_read(directory: Path) -> bool:
    """False where there is something that this user may not look into; nothing at all hides nothing."""
    try:
        os.scandir(directory).close()
    except PermissionError:
        return False
    except OSError:
        return True
    return True


def _config_file(flag: Path | None, directory: Path, explicit: bool, environment: Mapping[str, str]) -> Path | None:
    named = flag or (Path(environment[f"{_ENV_PREFIX}CONFIG"]) if environment.get(f"{_ENV_PREFIX}CONFIG") else None)
    if named is not None:
        if not os.path.isfile(named):
            raise ConfigError(f"There is no configuration file {named} that this user may read.")
        return named.absolute()
    if not _may_read(directory):
        raise ConfigError(
            f"The data directory {directory} is not readable for this user. "
            "Run the command as its owner, or name another one with --data-dir."
        )
    here = Path.cwd() / CONFIG_NAME
    if not explicit and here.is_file() and list(_from_file(here)):  # one that sets nothing hides no other
        return here
    path = directory / CONFIG_NAME
    return path if path.is_file() else None


def _from_file(path: Path) -> Iterator[tuple[str, tuple[object, str]]]:
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}.") from error
    for section, table in document.items():
        if section not in SECTIONS or not isinstance(table, dict):
            raise ConfigError(f"{path}:{_line_of(text, section)}: unknown {section!r}. {_known(section)}")
        for name, value in table.items():
            yield f"{section}.{name}", (value, f"{path.name}:{_line_of(text, name, section)}")


def _line_of(text: str, name: str, section: str | None = None) -> int:
    """The line that sets `name` inside `[section]`; 1 where it is written in a form that isn't looked for."""
    inside = section is None
    for number, line in enumerate(text.splitlines(), start=1):
        if heading := re.match(r"\s*\[\s*([^\]\s]+)\s*\]", line):
            if section is None and heading[1] == name:
                return number
            inside = section is None or heading[1] == section
        elif inside and re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*[=.]", line):
            return number
    return 1


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, tuple[object, str]]]:
    single = {_env_name(key).replace("__", "_"): key for key in KEYS}
    for variable, text in environment.items():
        if not variable.startswith(_ENV_PREFIX):
            continue
        if "__" in variable:
            section, _, name = variable.removeprefix(_ENV_PREFIX).lower().partition("__")
            yield f"{section}.{name}", (text, f"environment {variable}")
        elif variable in single:
            raise ConfigError(f"Unknown environment variable {variable}: write {_env_name(single[variable])}.")


def _env_name(key: str) -> str:
    return _ENV_PREFIX + key.upper().replace(".", "__")


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _build(directory: Path, path: Path | None, values: Mapping[str, tuple[object, str]]) -> Config:
    origins = dict.fromkeys(KEYS, "default")
    given: dict[str, dict[str, Any]] = {}
    for key, (value, origin) in values.items():
        section, _, name = key.partition(".")
        if key not in origins:
            raise ConfigError(f"Unknown key {key!r} ({_place(origin, path)}). {_known(section)}")
        given.setdefault(section, {})[name] = _checked(key, value, origin, path)
        origins[key] = origin
    sections: dict[str, Any] = {section: SECTIONS[section](**table) for section, table in given.items()}
    config = Config(data_dir=directory, config_path=path, origins=origins, **sections)
    _refuse_far_redis(config)
    return config


def _checked(key: str, value: object, origin: str, path: Path | None) -> object:
    section, _, name = key.partition(".")
    field = next(f for f in msgspec.structs.fields(SECTIONS[section]) if f.name == name)
    try:
        checked = msgspec.convert(value, field.type, strict=not origin.startswith("environment"))
        if isinstance(checked, str) and "://" in checked:
            _check_url(key, urlsplit(checked))
        return checked
    except ValueError as error:
        shown = masked(value)
        raise ConfigError(f"Bad value {shown!r} for {key} ({_place(origin, path)}): {_expected(key, error)}") from error


def _check_url(key: str, url: SplitResult) -> None:
    """Raises ValueError where a URL has a part that its client would stumble over or pass over in silence."""
    _ = url.port
    if key != "redis.url":
        return
    if url.scheme != "unix" and not re.fullmatch(r"/?|/[0-9]{1,5}", url.path):
        raise ValueError("the path of a redis URL is a database number")
    if unknown := {name for name, _ in parse_qsl(url.query, keep_blank_values=True)} - _REDIS_QUERY:
        raise ValueError(f"unknown in a redis URL: {', '.join(sorted(unknown))}")


_REDIS_QUERY = {"db", "ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"}


def _expected(key: str, error: ValueError) -> str:
    return _EXPECTED.get(key) or f"{error}."


_EXPECTED = {
    "database.url": "expected sqlite:///path or postgresql://user:password@host/name, or nothing for the default.",
    "redis.url": "expected 'embedded', redis://host:port/number, rediss://… or unix:///path/to/socket.",
    "hiscores.base_url": "expected an http:// or https:// address.",
    "api.port": "expected a whole number from 0 to 65535, without quotes (0: any free port).",
}


def _place(origin: str, path: Path | None) -> str:
    if path is not None and origin.startswith(f"{path.name}:"):
        return f"{path}:{origin.removeprefix(f'{path.name}:')}"
    return origin


def _known(section: str) -> str:
    if section in SECTIONS:
        names = ", ".join(f.name for f in msgspec.structs.fields(SECTIONS[section]))
        return f"[{section}] knows: {names}."
    return f"Sections are: {', '.join(SECTIONS)}."


def _refuse_far_redis(config: Config) -> None:
    """A Redis of another host and a SQLite of this one would let other hosts' workers take tasks they can't serve."""
    host = urlsplit(config.redis.url).hostname
    near = config.redis.url == EMBEDDED or config.redis.url.startswith("unix:") or host in _LOOPBACK
    if config.database_is_local and not near and not config.redis.allow_remote_with_sqlite:
        raise ConfigError(
            f"redis.url names another host ({host}), but the database is a SQLite file of this one, which workers "
            "elsewhere can't reach. Use a Postgres database, or set redis.allow_remote_with_sqlite = true when only "
            "this host runs osrsdiff on it."
        )


_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
