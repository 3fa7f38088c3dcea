"""What is done on a SQLite connection's own thread: statements run and rows fetched, batches written. Blocks."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from osrsdiff.storage.connection import Row, Step
from osrsdiff.storage.statements import Compiled, Statements

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


class Ready:
    """A step, compiled, with its values in order."""

    __slots__ = ("many", "must_hit", "sql", "then", "values")

    def __init__(self, compiled: Compiled, step: Step, statements: Statements) -> None:
        self.sql = compiled.sql
        self.then = None if step.then is None else _readied(step.then, statements)
        self.must_hit = step.must_hit
        self.many = not isinstance(step.params, Mapping)
        self.values: Sequence[Any] = (
            compiled.values(step.params)
            if isinstance(step.params, Mapping)
            else [compiled.values(row) for row in step.params]
        )


def ready(statements: Statements, steps: Sequence[Step]) -> list[Ready]:
    """The steps, compiled."""
    return [Ready(statements(step.statement), step, statements) for step in steps]


def _readied(then: Callable[[list[Row]], Sequence[Step]], statements: Statements) -> Callable[[list[Row]], list[Ready]]:
    return lambda rows: ready(statements, then(rows))


def each(works: list[Work[Any]], raw: sqlite3.Connection) -> list[Any]:
    """Each result, or the exception that came instead."""
    return [_tried(work, raw) for work in works]


def _tried(work: Work[Any], raw: sqlite3.Connection) -> Any:
    try:
        return work(raw)
    except Exception as error:  # it is raised where the work was asked for
        return error


def fetch_all(sql: str, values: Row, raw: sqlite3.Connection) -> list[Row]:
    """Every row."""
    return raw.execute(sql, values).fetchall()


def fetch_one(sql: str, values: Row, raw: sqlite3.Connection) -> Row | None:
    """The first row, None where there is none."""
    cursor = raw.execute(sql, values)
    row: Row | None = cursor.fetchone()
    cursor.close()  # what isn't fetched would keep the statement, and with it a read, open
    return row


def run(sql: str, values: Row, raw: sqlite3.Connection) -> int:
    """How many rows were touched."""
    return raw.execute(sql, values).rowcount


def run_all(steps: list[Ready], raw: sqlite3.Connection) -> bool:
    """Runs the steps; False where one that must hit touched nothing and ended it."""
    for step in steps:
        if step.then is not None:
            if not run_all(step.then(raw.execute(step.sql, step.values).fetchall()), raw):
                return False
            continue
        execute = raw.executemany if step.many else raw.execute
        if execute(step.sql, step.values).rowcount == 0 and step.must_hit:
            return False
    return True


def write_each(group: list[list[Ready]], raw: sqlite3.Connection) -> list[bool | Exception]:
    """One transaction. What breaks all of it is raised, with nothing stored."""
    raw.execute("BEGIN IMMEDIATE")
    try:
        results = [_write_alone(steps, raw) for steps in group]
        raw.execute("COMMIT")
    except BaseException:
        raw.rollback()
        raise
    return results


def _write_alone(steps: list[Ready], raw: sqlite3.Connection) -> bool | Exception:
    """Whether the steps are written, or why not; if not, none of them is."""
    result: bool | Exception
    raw.execute("SAVEPOINT alone")
    try:
        result = run_all(steps, raw)
    except Exception as error:  # it is raised where the steps were asked for
        if not raw.in_transaction:
            raise
        result = error
    if result is not True:
        raw.execute("ROLLBACK TO alone")
    raw.execute("RELEASE alone")
    return result


def roll_back(raw: sqlite3.Connection) -> None:
    """Undoes the transaction, where there is one."""
    raw.rollback()
