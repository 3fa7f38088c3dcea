"""What can't be done: one clear message, the right exit code, nothing on standard output, everything left as it was."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import Result

Invoke = Callable[..., Result]

NOT_AN_INTERVAL = "is not an interval: give a whole number of minutes from 1 to 43200"


def contents(directory: Path) -> Mapping[Path, bytes | None]:
    """Everything below a directory; locks and SQLite's own side files don't count."""
    return {
        path: path.read_bytes() if path.is_file() else None
        for path in directory.rglob("*")
        if not path.name.endswith(("-wal", "-shm", ".lock"))
    }


def assert_refused(result: Result, code: int, phrase: str) -> None:
    assert phrase in result.stderr
    assert result.exit_code == code, result.stderr
    assert result.stdout == ""
    assert sum(line.startswith("Error: ") for line in result.stderr.splitlines()) == 1
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("line", "code", "phrase"),
    [
        ("nonsense", 2, "No such command 'nonsense'"),
        ("player add", 2, "Give at least one name, or --file."),
        ("player add --file missing.txt", 2, "missing.txt"),
        ("player add far_too_long_a_name", 2, "is not a player name: it has 19 characters"),
        ("player add lynx!titan", 2, "it has the character '!'"),
        ("player add ___", 2, "it has no letter or digit"),
        ("player add zezima --interval 0", 2, f"'0' {NOT_AN_INTERVAL}"),
        ("player add zezima --interval 45.5", 2, f"'45.5' {NOT_AN_INTERVAL}"),
        ("player add zezima --interval 1000000000", 2, f"'1000000000' {NOT_AN_INTERVAL}"),
        ("player add zezima --interval hourly", 2, f"'hourly' {NOT_AN_INTERVAL}"),
        ("player interval zezima 0", 2, f"'0' {NOT_AN_INTERVAL}"),
        ("player interval zezima -- -5", 2, f"'-5' {NOT_AN_INTERVAL}"),
        ("player interval zezima 60", 2, "No tracked player is called 'zezima'. Add it with: osrsdiff player add"),
        ("player show zezima", 2, "No tracked player is called 'zezima'"),
        ("player show lynx!titan", 2, "is not a player name"),
        ("player pause zezima", 2, "No tracked player is called 'zezima'"),
        ("player resume zezima", 2, "No tracked player is called 'zezima'"),
        ("player fetch zezima", 2, "No tracked player is called 'zezima'"),
        ("player remove zezima --yes", 2, "No tracked player is called 'zezima'"),
        ("player remove zezima", 2, "confirm with --yes"),
        ("player list --limit 0", 2, "--limit"),
        ("player list --after lynx!titan", 2, "is not a player name"),
        ("schedules show zezima", 2, "No tracked player is called 'zezima'"),
        ("schedules show lynx!titan", 2, "is not a player name"),
        ("schedules list --limit 0", 2, "--limit"),
        ("schedules list --after nonsense", 2, "This is no `next` of a page of this list"),
        ("schedules list --due --paused", 2, "Give at most one of --due, --overdue, --paused, --failing."),
        ("schedules pause", 2, "Say which players: names, --file FILE, --only FILTER or --all; one of these."),
        ("schedules pause zezima --all", 2, "Say which players"),
        ("schedules resume --all --only paused", 2, "Say which players"),
        ("schedules resume --only late", 2, "'late' is not one of 'due', 'overdue', 'paused', 'failing'"),
        ("schedules pause zezima", 2, "No tracked player is called 'zezima'"),
        ("schedules rebuild", 2, "confirm with --yes"),
        ("tasks run nonsense", 2, "No job is called 'nonsense'. There are: reconcile_schedules"),
        ("tasks failures --limit 0", 2, "--limit"),
        ("diff zezima", 2, "No tracked player is called 'zezima'"),
        ("diff zezima --from yesterday", 2, "'yesterday' is no time; write 2026-01-31"),
        ("token create ci --scope root", 2, "'root' is not one of 'read', 'admin'"),
        ("token create ci", 2, "Missing option '--scope'"),
        ("token revoke 99", 2, "99"),
        ("token revoke first", 2, "'first' is not a valid integer"),
        ("run --port 70000", 3, "from 0 to 65535"),
        ("api --port -1", 3, "from 0 to 65535"),
    ],
)
def test_what_was_asked_is_refused(line: str, code: int, phrase: str, invoke: Invoke, data_dir: Path) -> None:
    before = contents(data_dir)
    assert_refused(invoke("--data-dir", data_dir, *line.split()), code, phrase)
    assert contents(data_dir) == before


@pytest.mark.parametrize(
    ("line", "phrase"),
    [
        ("--period fortnight", "'fortnight' is not a period: give one of hour, 6h, day, week, month, year, all"),
        ("--from 2026-02-01 --to 2026-01-01", "A window must start before it ends"),
        ("--period week --from 2026-01-01", "either a period or from and to"),
    ],
)
def test_a_window_that_is_none_is_refused(line: str, phrase: str, invoke: Invoke, data_dir: Path) -> None:
    assert invoke("--data-dir", data_dir, "player", "add", "zezima").exit_code == 0
    assert_refused(invoke("--data-dir", data_dir, "diff", "zezima", *line.split()), 2, phrase)


@pytest.mark.parametrize(
    "line",
    [
        "player list",
        "player list --json",
        "player add zezima",
        "player show zezima",
        "player pause zezima",
        "player resume zezima",
        "player interval zezima 60",
        "player fetch zezima",
        "player remove zezima --yes",
        "schedules list",
        "schedules show zezima",
        "schedules pause --all",
        "schedules resume zezima --json",
        "schedules verify",
        "schedules cleanup --dry-run",
        "schedules rebuild --yes",
        "tasks list",
        "tasks run prune_failures",
        "tasks failures --json",
        "diff zezima",
        "status",
        "status --json",
        "token list",
        "token create ci --scope read",
        "token revoke 1",
        "db current",
    ],
)
@pytest.mark.parametrize("exists", [True, False])
def test_no_command_creates_an_instance(line: str, exists: bool, invoke: Invoke, tmp_path: Path) -> None:
    place = tmp_path / "nothing" / "here"
    if exists:
        place.mkdir(parents=True)
    before = contents(tmp_path)
    assert_refused(invoke("--data-dir", place, *line.split()), 3, str(place))
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("toml", "phrases"),
    [
        ("[api\nport = 1", ["osrsdiff.toml is not valid TOML", "line 1"]),
        ("[api]\n\nprot = 8000", ["'api.prot'", "osrsdiff.toml:3", "host, port, public_read"]),
        ("[web]\nport = 1", ["osrsdiff.toml:1", "'web'", "Sections are"]),
        ('[api]\nport = "many"', ["'many'", "api.port", "osrsdiff.toml:2", "from 0 to 65535"]),
        ("[players]\ndefault_interval_minutes = 0", ["players.default_interval_minutes", "osrsdiff.toml:2"]),
        ('[redis]\nurl = "redis//nowhere"', ["redis.url", "expected 'embedded', redis://host:port/number"]),
        ('[redis]\nurl = "redis://elsewhere:6379"', ["names another host (elsewhere)", "allow_remote_with_sqlite"]),
        ('[database]\nurl = "mysql://here"', ["database.url", "expected sqlite:///path or postgresql://"]),
    ],
)
@pytest.mark.parametrize("line", ["config check", "config show", "player list", "run", "db upgrade"])
def test_a_bad_configuration_names_key_and_place(
    toml: str, phrases: list[str], line: str, invoke: Invoke, data_dir: Path
) -> None:
    data_dir.joinpath("osrsdiff.toml").write_text(toml)
    before = contents(data_dir)
    result = invoke("--data-dir", data_dir, *line.split())
    for phrase in phrases:
        assert_refused(result, 3, phrase)
    assert contents(data_dir) == before


@pytest.mark.parametrize("url", ["redis://localhost:port/0", "redis://[::1/0", "redis://localhost:99999/0"])
def test_a_malformed_redis_url_is_refused(
    url: str, invoke: Invoke, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSRSDIFF_REDIS__URL", url)
    assert_refused(invoke("--data-dir", data_dir, "player", "list"), 3, "redis.url")


def test_a_bad_environment_variable_is_named(invoke: Invoke, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSRSDIFF_API__PORT", "many")
    assert_refused(invoke("--data-dir", data_dir, "config", "check"), 3, "environment OSRSDIFF_API__PORT")


@pytest.mark.parametrize("line", ["player list", "player add zezima", "status", "db upgrade"])
def test_a_database_of_a_newer_version_is_refused(line: str, invoke: Invoke, data_dir: Path) -> None:
    with sqlite3.connect(data_dir / "osrsdiff.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = contents(data_dir)
    assert_refused(invoke("--data-dir", data_dir, *line.split()), 3, "newer")
    assert contents(data_dir) == before


@pytest.mark.parametrize("line", ["player list", "db upgrade", "run", "demo"])
def test_a_data_directory_that_is_none_is_refused(line: str, invoke: Invoke, tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("not a directory")
    assert_refused(invoke("--data-dir", place, *line.split()), 3, str(place))
    assert place.read_text() == "not a directory"


@pytest.mark.parametrize("line", ["player list", "run"])
def test_a_data_directory_of_somebody_else_is_refused(line: str, data_dir: Path) -> None:
    before = contents(data_dir)
    data_dir.chmod(0o000)
    done = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, "--data-dir", str(data_dir), *line.split()],
        capture_output=True,
        text=True,
        check=False,
    )
    data_dir.chmod(0o700)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        f"Error: The data directory {data_dir} is not readable for this user. "
        "Run the command as its owner, or name another one with --data-dir.\n"
    )
    assert contents(data_dir) == before


_AS_NOBODY = """
import os, sys, click
from osrsdiff.cli import COMMANDS, osrsdiff
for name in COMMANDS:  # before this interpreter's own files are out of reach
    osrsdiff.get_command(click.Context(osrsdiff), name)
if os.getuid() == 0:
    os.chdir("/")
    os.seteuid(65534)
osrsdiff(sys.argv[1:])
"""


def test_a_demo_leaves_a_real_instance_alone(invoke: Invoke, data_dir: Path) -> None:
    before = contents(data_dir)
    assert_refused(invoke("--data-dir", data_dir, "demo"), 3, "holds an instance that is no demo")
    assert contents(data_dir) == before
