"""Opening an instance: once, however many ask for it at the same time, and never half."""

from pathlib import Path

import anyio
import pytest

from osrsdiff.config import Config
from osrsdiff.config import Database as DatabaseKeys
from osrsdiff.errors import DatabaseUnreachable
from osrsdiff.storage.engine import Database
from osrsdiff.tracking import instance as module
from osrsdiff.tracking.instance import Instance


async def test_whoever_asks_while_it_is_being_opened_gets_the_whole_prefix(
    migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[Database] = []
    wait = module.wait_for_schema
    read = module.instance_id

    async def counted(url: str) -> Database:
        connected.append(await wait(url))
        return connected[-1]

    async def slowly(connection: object) -> str:
        await anyio.wait_all_tasks_blocked()
        return await read(connection)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "wait_for_schema", counted)
    monkeypatch.setattr(module, "instance_id", slowly)
    prefixes: list[str] = []
    async with Instance(Config(data_dir=tmp_path, database=DatabaseKeys(url=migrated_url))) as opened:

        async def ask() -> None:
            prefixes.append(await opened.load_prefix())

        with pytest.raises(DatabaseUnreachable):
            _ = opened.prefix
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(ask)
        assert prefixes == [opened.prefix] * 3
        assert len(connected) == 1
    assert prefixes[0].startswith("osrsdiff:")
    assert len(prefixes[0]) == len("osrsdiff::") + 12
