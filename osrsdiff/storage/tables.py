"""The tables, as the newest migration leaves them. Statements are built on these; migrations don't import them.

Times are whole epoch seconds. On SQLite, what has a key of several columns is clustered by it (WITHOUT ROWID).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from osrsdiff.storage.dialects import BLOB, ID, NAME, SECONDS, SMALL_ID, XP

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _player(*, primary_key: bool = False) -> Column[int]:
    """A player's own rows go with the player."""
    reference = ForeignKey("players.id", ondelete="CASCADE")
    return Column("player_id", ID, reference, primary_key=primary_key, autoincrement=False, nullable=False)


def _metric() -> Column[int]:
    return Column("metric_id", SMALL_ID, ForeignKey("metrics.id"), primary_key=True, autoincrement=False)


# Which database this is: one row, made with the schema.
instance = Table(
    "instance",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created_at", SECONDS, nullable=False),
)

# An id is never given twice: a schedule or a message of a removed player must not find another one.
players = Table(
    "players",
    metadata,
    Column("id", ID, Identity(), primary_key=True),
    Column("username", NAME, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("game_mode", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("fetch_interval_minutes", Integer, nullable=False),
    Column("schedule_id", Text),
    Column("created_at", SECONDS, nullable=False),
    Column("last_attempt_at", SECONDS),
    Column("last_look_at", SECONDS),
    Column("last_changed_at", SECONDS),
    Column("last_outcome", Text),
    Column("failures", Integer, nullable=False),
    Column("missing_since", SECONDS),
    # by which rules the records and achievements of the whole history were reckoned; any other number, or none: not yet
    Column("reckoned_by", Integer),
    # since when the table of `game_mode` is read, None: always; when the mode was last shown to be right, None: never
    Column("mode_since", SECONDS),
    Column("mode_checked_at", SECONDS),
    # another mode, that a look at the tables has found and a second one has not confirmed yet
    Column("mode_pending", Text),
    Column("mode_pending_at", SECONDS),
    # the look that somebody has to review, None: none; the last look at which fell what can't fall
    Column("flagged_at", SECONDS),
    Column("fell_at", SECONDS),
    UniqueConstraint("username"),  # players.by_username, and the order of players.page
    Index(None, "schedule_id"),  # players.by_schedule_id: whose schedule a log line or a report names
    Index(None, "reckoned_by"),  # reckoning.pending: whose history is to be gone over
    sqlite_autoincrement=True,
)
Index(  # leaderboards: the few who stand on none
    "ix_players_flagged_at",
    players.c.flagged_at,
    sqlite_where=text("flagged_at IS NOT NULL"),
    postgresql_where=text("flagged_at IS NOT NULL"),
)

metrics = Table(
    "metrics",
    metadata,
    Column("id", SMALL_ID, Identity(), primary_key=True),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("first_seen_at", SECONDS, nullable=False),
    UniqueConstraint("key"),  # metrics.ids_of: two processes that meet a new boss at once make one row
)

# One row for each look that changed something. `has_fall`: a metric fell that cannot fall. `is_partial`: it was brought
# from elsewhere and says nothing of metrics that it did not change; NULL for a look at the whole sheet.
snapshots = Table(
    "snapshots",
    metadata,
    _player(primary_key=True),
    Column("taken_at", SECONDS, primary_key=True),
    Column("previous_look_at", SECONDS),
    Column("has_fall", Boolean, nullable=False),
    Column("is_partial", Boolean),
    sqlite_with_rowid=False,
)
Index(  # candidates: what had been reached before a fall; whole, or SQLite would rather search the key
    "ix_snapshots_falls",
    snapshots.c.player_id,
    snapshots.c.has_fall,
    snapshots.c.taken_at,
    sqlite_where=text("has_fall = 1"),
    postgresql_where=text("has_fall"),
)

# A metric's values, each from `taken_at` until the next. `level`: only where it doesn't follow from xp. `unranked`:
# NULL where ranked, else a number of history.UNRANKED_CODES.
changes = Table(
    "changes",
    metadata,
    _player(primary_key=True),
    _metric(),
    Column("taken_at", SECONDS, primary_key=True),
    Column("value", XP, nullable=False),
    Column("rank", Integer),
    Column("level", SmallInteger),
    Column("unranked", SmallInteger),
    sqlite_with_rowid=False,
)

# The newest value of each metric that was ever above zero. Clustered by player, so that a look writes one page of it
# and removing a player reads no others.
current_values = Table(
    "current_values",
    metadata,
    _player(primary_key=True),
    _metric(),
    Column("value", XP, nullable=False),
    Index(None, "metric_id", "value"),  # leaderboards: the highest values of a metric
    sqlite_with_rowid=False,
)

# What is known of a player after its last look, in one row that a fetch reads and replaces. `sheet`: see history.
player_states = Table(
    "player_states",
    metadata,
    _player(primary_key=True),
    Column("version", Integer, nullable=False),
    Column("looked_at", SECONDS, nullable=False),
    Column("taken_at", SECONDS, nullable=False),
    Column("sheet", BLOB, nullable=False),
)

# The largest gain of each metric in any window of a period's length. `period`: a number of records.PERIOD_CODES. The
# gain lies between two looks, `start_at` and `end_at`.
records = Table(
    "records",
    metadata,
    _player(primary_key=True),
    _metric(),
    Column("period", SmallInteger, primary_key=True, autoincrement=False),
    Column("gained", XP, nullable=False),
    Column("start_at", SECONDS, nullable=False),
    Column("end_at", SECONDS, nullable=False),
    # records.best, which sorts what it finds: with the gain in the index every record set would cost several pages more
    Index(None, "metric_id", "period"),
    sqlite_with_rowid=False,
)

# Thresholds passed. `measure`: a number of achievements.MEASURE_CODES. `reached_at`: the first look past it, None where
# it was there at the first look already; `after_at`: the look before. What was there and still is has no row.
achievements = Table(
    "achievements",
    metadata,
    _player(primary_key=True),
    _metric(),
    Column("measure", SmallInteger, primary_key=True, autoincrement=False),
    Column("threshold", XP, primary_key=True, autoincrement=False),
    Column("reached_at", SECONDS),
    Column("after_at", SECONDS),
    sqlite_with_rowid=False,
)

# What happened, once for each thing. `kind`: a number of events.KIND_CODES. It lies between the looks `after_at` (None:
# nobody knows since when) and `at`. What `value`, `before` and `detail` say depends on the kind: see game.events.
events = Table(
    "events",
    metadata,
    Column("id", ID, Identity(), primary_key=True),
    _player(),
    Column("at", SECONDS, nullable=False),
    Column("after_at", SECONDS),
    Column("kind", SmallInteger, nullable=False),
    Column("metric_id", SMALL_ID, ForeignKey("metrics.id")),
    Column("value", XP),
    Column("before", XP),
    Column("detail", Text),
    Index(None, "at"),  # events.page: the newest of everybody
    Index(None, "player_id", "at"),  # the same of one player, and its removal
    Index(None, "kind", "at"),  # the same of one kind, which may be rare
    sqlite_autoincrement=True,
)

# Clans and other sets of players. `key`: made from the name, identifies the group everywhere else.
groups = Table(
    "groups",
    metadata,
    Column("id", ID, Identity(), primary_key=True),
    Column("key", NAME, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("created_at", SECONDS, nullable=False),
    UniqueConstraint("key"),  # groups.by_key, and the order of groups.page
    sqlite_autoincrement=True,
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", ID, ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    _player(primary_key=True),
    Column("role", Text, nullable=False),
    Column("joined_at", SECONDS, nullable=False),
    Index(None, "player_id"),  # which groups a player is in, and its removal
    sqlite_with_rowid=False,
)

# Which game mode a player had, from the look at `at` on; the change lies between `after_at` (None: nobody knows since
# when) and `at`.
mode_changes = Table(
    "mode_changes",
    metadata,
    _player(primary_key=True),
    Column("at", SECONDS, primary_key=True),
    Column("after_at", SECONDS),
    Column("before", Text, nullable=False),
    Column("mode", Text, nullable=False),
    sqlite_with_rowid=False,
)

# Names that players were given, canonical ones; `before_display`: as the old one was spelled, None where it was so.
# `joined_at`: from then on the history is that of the player `merged` (what it takes to take it back, as JSON), who was
# tracked under the new name; both None where nobody was. `undone_at`: taken back then.
name_changes = Table(
    "name_changes",
    metadata,
    Column("id", ID, Identity(), primary_key=True),
    _player(),
    Column("at", SECONDS, nullable=False),
    Column("before", Text, nullable=False),
    Column("before_display", Text),
    Column("after", Text, nullable=False),
    Column("joined_at", SECONDS),
    Column("merged", Text),
    Column("forced", Boolean, nullable=False),
    Column("undone_at", SECONDS),
    Index(None, "player_id", "id"),  # renames.of_player, and the player's removal
    Index(None, "before"),  # renames.now_called: who was called that
    sqlite_autoincrement=True,
)

# What somebody has to look at. `why`: a kind of game.reviews; `flagged_at`: the look, after the one at `after_at`.
# `resolution`: what was decided, None while nobody has.
reviews = Table(
    "reviews",
    metadata,
    Column("id", ID, Identity(), primary_key=True),
    _player(),
    Column("flagged_at", SECONDS, nullable=False),
    Column("after_at", SECONDS),
    Column("why", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("resolved_at", SECONDS),
    Column("resolution", Text),
    Index(None, "player_id", "id"),  # reviews.of_player, and the player's removal
    Index(None, "resolved_at", "id"),  # reviews.page: those that are open
    sqlite_autoincrement=True,
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", ID, Identity(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("token_hash", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("created_at", SECONDS, nullable=False),
    Column("last_used_at", SECONDS),
    Column("revoked_at", SECONDS),
    UniqueConstraint("token_hash"),  # tokens.by_hash: who is asking
    sqlite_autoincrement=True,
)

# Fetches that gave no data, the newest ones only: failures.prune keeps it bounded.
fetch_failures = Table(
    "fetch_failures",
    metadata,
    Column("id", ID, Identity(), primary_key=True),
    _player(),
    Column("at", SECONDS, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("message", Text, nullable=False),
    Index(None, "player_id", "id"),  # a player's removal
    sqlite_autoincrement=True,
)

# The newest runs of each fixed job, so that one missed by downtime is seen at the next start.
job_runs = Table(
    "job_runs",
    metadata,
    Column("id", ID, Identity(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("started_at", SECONDS, nullable=False),
    Column("finished_at", SECONDS),
    Column("outcome", Text),
    Column("detail", Text),
    Index(None, "name", "id"),  # jobs.last: the newest run of a job
    sqlite_autoincrement=True,
)

# How far a player's history from OSRS Diff has been brought over, so that an interrupted move goes on where it was.
# `source`: which database it comes from. `is_new`: the move has added the player, who is paused until then.
# `is_joined`: the old history is whole and leads to the player's state. `read_until_…`: the last record read, by its
# time and its id there; `newest_record_id`: the last one that became a look, `looked_at`, `taken_at` and `sheet` what
# was known after it.
moves = Table(
    "moves",
    metadata,
    _player(primary_key=True),
    Column("source", Text, nullable=False),
    Column("is_new", Boolean, nullable=False),
    Column("is_joined", Boolean, nullable=False),
    Column("read_until_us", BigInteger),
    Column("read_until_id", BigInteger),
    Column("newest_record_id", BigInteger),
    Column("looks", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("left_out", Integer, nullable=False),
    Column("looked_at", SECONDS),
    Column("taken_at", SECONDS),
    Column("sheet", BLOB),
)

# Who has been moved from where, by the player's id there. Outlives the player, so that a move that is run again does
# not bring back who was removed here.
move_origins = Table(
    "move_origins",
    metadata,
    Column("source", Text, primary_key=True),
    Column("old_player_id", BigInteger, primary_key=True, autoincrement=False),
)
