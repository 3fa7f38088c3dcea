"""Where values come from, and what is said of bad ones."""

import re
import tomllib
from pathlib import Path

import pytest

from osrsdiff import config
from osrsdiff.errors import ConfigError

SHIPPED = Path(__file__).parent.parent / "osrsdiff.toml"


def load(tmp_path: Path, text: str = "", **environment: str) -> config.Config:
    (tmp_path / "osrsdiff.toml").write_text(text)
    return config.load(data_dir=tmp_path, environment=environment)


def test_shipped_file_holds_every_key_with_its_default() -> None:
    text = SHIPPED.read_text()
    uncommented = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)
    document = tomllib.loads(uncommented)
    shipped = {f"{section}.{name}": value for section, table in document.items() for name, value in table.items()}
    defaults = config.Config(data_dir=Path())
    assert shipped == {key: defaults.value(key) for key in config.KEYS}


def test_shipped_file_as_it_is_changes_nothing(tmp_path: Path) -> None:
    loaded = load(tmp_path, SHIPPED.read_text())
    assert {key: loaded.value(key) for key in config.KEYS} == {
        key: config.Config(data_dir=Path()).value(key) for key in config.KEYS
    }


def test_a_file_in_the_current_directory_that_sets_nothing_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, own = tmp_path / "here", tmp_path / "own"
    here.mkdir()
    own.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(config, "user_data_path", lambda *_, **__: own)
    (here / "osrsdiff.toml").write_text(SHIPPED.read_text())
    (own / "osrsdiff.toml").write_text("[api]\nport = 9000\n")
    assert config.load(environment={}).api.port == 9000
    (here / "osrsdiff.toml").write_text("[api]\nport = 9001\n")
    assert config.load(environment={}).api.port == 9001


def test_environment_is_stronger_than_the_file_and_flags_than_both(tmp_path: Path) -> None:
    text = "[api]\nport = 1\nhost = 'a'\n\n[worker]\nprocesses = 3\n"
    (tmp_path / "osrsdiff.toml").write_text(text)
    loaded = config.load(
        data_dir=tmp_path,
        environment={"OSRSDIFF_API__PORT": "2", "OSRSDIFF_API__HOST": "b"},
        overrides={"api.port": (3, "--port")},
    )
    assert (loaded.api.port, loaded.api.host, loaded.worker.processes) == (3, "b", 3)
    assert loaded.origins["api.port"] == "--port"
    assert loaded.origins["api.host"] == "environment OSRSDIFF_API__HOST"
    assert loaded.origins["worker.processes"] == "osrsdiff.toml:6"
    assert loaded.origins["log.level"] == "default"


def test_a_child_process_loads_the_same_configuration(tmp_path: Path) -> None:
    (tmp_path / "osrsdiff.toml").write_text("[worker]\nprocesses = 2\n")
    parent = config.load(
        data_dir=tmp_path,
        environment={"OSRSDIFF_API__PUBLIC_READ": "false"},
        overrides={"api.port": (9000, "--port")},
    )
    child = config.load(environment=parent.environment())
    assert {key: child.value(key) for key in config.KEYS} == {key: parent.value(key) for key in config.KEYS}
    assert child.data_dir == parent.data_dir


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[api]\nprot = 1\n", r"Unknown key 'api.prot' \(.*osrsdiff.toml:2\).*knows: host, port, public_read"),
        ("[apy]\nport = 1\n", r"osrsdiff.toml:1: unknown 'apy'. Sections are: database, redis"),
        ("port = 1\n", r"unknown 'port'"),
        ("[api]\nport = 'x'\n", r"Bad value 'x' for api.port \(.*osrsdiff.toml:2\): expected a whole number"),
        ("[api]\nport = 70000\n", r"Bad value 70000 for api.port"),
        ("[api]\npublic_read = 1\n", r"Bad value 1 for api.public_read .*[Ee]xpected `bool`"),
        ("[api\nport = 1\n", r"osrsdiff.toml is not valid TOML: .*line 1"),
        ("[redis]\nurl = 'http://x'\n", r"redis.url .*expected 'embedded', redis://"),
        ("[redis]\nurl = 'redis://host:port'\n", r"redis.url .*expected 'embedded', redis://"),
        ("[redis]\nurl = 'redis://localhost/abc'\n", r"redis.url .*expected 'embedded', redis://"),
        ("[redis]\nurl = 'redis://localhost?foo=bar'\n", r"redis.url .*expected 'embedded', redis://"),
        ("[redis]\nurl = 'redis://[::1'\n", r"redis.url .*expected 'embedded', redis://"),
        ("[database]\nurl = 'mysql://x/y'\n", r"database.url .*expected sqlite:///"),
        ("[hiscores]\nrequests_per_second = 0\n", r"hiscores.requests_per_second .*> 0"),
        ('[hiscores]\ncontact = "a\\nb"\n', r"hiscores.contact"),
        ("[players]\ndefault_interval_minutes = 0\n", r"players.default_interval_minutes .*>= 1"),
        ("[log]\nlevel = 'loud'\n", r"log.level"),
        ("[redis]\nurl = 'redis://far.example:6379'\n", r"redis.url names another host \(far.example\)"),
    ],
)
def test_bad_file_is_refused_with_key_place_and_expectation(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("OSRSDIFF_API__PORT", "x", r"Bad value 'x' for api.port \(environment OSRSDIFF_API__PORT\)"),
        ("OSRSDIFF_API__PROT", "1", r"Unknown key 'api.prot' \(environment OSRSDIFF_API__PROT\)"),
        ("OSRSDIFF_API_PORT", "1", r"Unknown environment variable OSRSDIFF_API_PORT: write OSRSDIFF_API__PORT"),
    ],
)
def test_bad_environment_is_refused(tmp_path: Path, variable: str, value: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(tmp_path, **{variable: value})


def test_far_redis_beside_sqlite_can_be_allowed(tmp_path: Path) -> None:
    text = "[redis]\nurl = 'redis://far.example:6379'\nallow_remote_with_sqlite = true\n"
    assert load(tmp_path, text).redis.url == "redis://far.example:6379"


def test_a_password_in_a_refused_value_is_masked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, "[database]\nurl = 'mysql://me:secret@host/x'\n")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("redis://:secret@host:1/0", "redis://:***@host:1/0"),
        ("postgresql://me:s@cret@host/x", "postgresql://me:***@host/x"),
        ("postgresql://host/x", "postgresql://host/x"),
        ("postgresql://h/d?user=u&password=secret", "postgresql://h/d?user=u&password=***"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=1"),
        ("sqlite:////data/osrsdiff.db", "sqlite:////data/osrsdiff.db"),
        ("postgresql://me@host/x", "postgresql://me@host/x"),
        ("postgresql://me:secret@a:1,b:2/x", "postgresql://me:***@a:1,b:2/x"),
        ("redis://:secret@[::1]:1/0", "redis://:***@[::1]:1/0"),
        ("sqlite:////data@home/osrsdiff.db", "sqlite:////data@home/osrsdiff.db"),
        (8000, 8000),
    ],
)
def test_masked_hides_passwords_only(given: object, shown: object) -> None:
    assert config.masked(given) == shown


@pytest.mark.parametrize(
    "given",
    [
        "postgresql://me:hid#den@host/x",
        "postgresql://me:hid/den@host/x",
        "postgresql://me:hid?den@host/x",
        "postgresql://me:hid@den@host/x",
        "postgresql://me:12#hid@host/x",
        "postgresql://me:12/hid@host/x",
        "postgresql://me:hid[den@host/x",
        "postgresql://me:hidden/x",
        "postgresql://me:hidden",
        "postgresql://me:hid@den:hidden/x",
        "postgresql://host/x?password=hid@den",
        "postgresql://host/x?password=hid&den",
        "postgresql://me:hid?password=den@host/x",
        "redis://hidden@host",
        "redis://:hid#den@host/0",
    ],
)
def test_masked_hides_passwords_that_are_not_encoded_too(given: str) -> None:
    shown = str(config.masked(given))
    assert not [part for part in ("hid", "den", "12") if part in shown]
    assert shown.startswith(given.partition("://")[0] + "://")


@pytest.mark.parametrize(
    ("url", "is_torn"),
    [
        ("postgresql://me:a%2Fb@host/x", False),
        ("postgresql://host/x?user=me@host&sslmode=require", False),
        ("postgresql://me:a@b@host/x", False),
        ("postgresql://me:a/b@host/x", True),
        ("postgresql://me:12/b@host/x", True),
        ("postgresql://me:a?b@host/x", True),
        ("postgresql://me:a#b@host/x", True),
    ],
)
def test_a_password_that_ends_the_host_is_noticed(url: str, is_torn: bool) -> None:
    assert config.is_torn(url) == is_torn


def test_data_directory_is_found_in_order(tmp_path: Path) -> None:
    environment = {"STATE_DIRECTORY": "/state:/other", "OSRSDIFF_DATA_DIR": "/named"}
    assert config.load(data_dir=tmp_path, environment=environment).data_dir == tmp_path
    assert config.load(environment=environment).data_dir == Path("/named")
    assert config.load(environment={"STATE_DIRECTORY": "/state:/other"}).data_dir == Path("/state")


def test_the_system_service_is_found_where_this_user_has_no_instance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, system = tmp_path / "own", tmp_path / "system"
    system.mkdir()
    monkeypatch.setattr(config, "user_data_path", lambda *_, **__: own)
    monkeypatch.setattr(config, "SYSTEM_DATA_DIR", system)
    assert config.load(environment={}).data_dir == own
    (system / config.DATABASE_NAME).touch()
    assert config.load(environment={}).data_dir == system
    own.mkdir()
    (own / config.DATABASE_NAME).touch()
    assert config.load(environment={}).data_dir == own


def test_a_system_service_that_this_user_may_not_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "user_data_path", lambda *_, **__: tmp_path / "own")
    monkeypatch.setattr(config, "SYSTEM_DATA_DIR", tmp_path)
    monkeypatch.setattr(config, "_may_read", lambda _: False)
    with pytest.raises(ConfigError, match=f"{tmp_path}, which this user may not read"):
        config.load(environment={})


def test_named_configuration_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no configuration file"):
        config.load(config_path=tmp_path / "absent.toml", environment={})
