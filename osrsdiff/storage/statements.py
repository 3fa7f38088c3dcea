"""Compiles a statement once per dialect and puts its values in the driver's order. Executes nothing."""

from collections.abc import Callable
from operator import itemgetter
from weakref import WeakKeyDictionary

from sqlalchemy import Dialect, Executable
from sqlalchemy.sql.compiler import SQLCompiler

from osrsdiff.storage.connection import Params, Row


class Compiled:
    """The driver's own text of a statement."""

    __slots__ = ("_literals", "_pick", "sql")

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        compiled: SQLCompiler = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
        if compiled.literal_execute_params or compiled.post_compile_params:
            raise TypeError(f"a statement whose text depends on its values can't be compiled once: {statement}")
        names = tuple(compiled.positiontup or ())
        self.sql = str(compiled)
        self._literals = {name: compiled.params[name] for name in names if compiled.params[name] is not None}
        self._pick = _picker(names)

    def values(self, params: Params) -> Row:
        """`params` in the order of the text's placeholders. Raises KeyError for one that is missing."""
        return self._pick({**self._literals, **params} if self._literals else params)


class Statements:
    """What has been compiled for one dialect so far."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._compiled: WeakKeyDictionary[Executable, Compiled] = WeakKeyDictionary()

    def __call__(self, statement: Executable) -> Compiled:
        """`statement`, compiled at its first use."""
        compiled = self._compiled.get(statement)
        if compiled is None:
            compiled = self._compiled[statement] = Compiled(statement, self._dialect)
        return compiled


def _picker(names: tuple[str, ...]) -> Callable[[Params], Row]:
    match names:
        case ():
            return lambda _: ()
        case (name,):
            return lambda params: (params[name],)
        case _:
            return itemgetter(*names)
