"""How fast all processes together may ask the hiscores, and when nobody may. Both live in Redis.

The budget is a bucket (GCRA): `requests_per_second`, and `burst` at once after a quiet time. A caller reserves the next
slot and sleeps until it comes. The breaker opens when the hiscores are in trouble: then nobody asks until its pause is
over, and after it one probe at a time until one succeeds. Time is Redis' own, so hosts need no common clock.

What can wait is a lower class, `spare`: it gets a slot only where the bucket is full, nobody else having taken from it
for a while, so that it never makes a scheduled fetch wait for more than one request.

A Redis that was emptied has forgotten what it gave away. So a new bucket has no burst, and a slot of an old one that
was waited for is void.

Two hashes, times in microseconds since the epoch. `{prefix}budget`: `slot`, the time of the slot after the last one
given away, `at`, when that was, and `epoch`, when the bucket was made. `{prefix}breaker`, absent while closed: `since`
and `until`, between which it is open, `failures` in a row, and `probe`, until when a probe is under way.
"""

import random
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal

from anyio import CancelScope, sleep
from msgspec import Struct
from redis import RedisError
from redis.asyncio import Redis

from osrsdiff.coalesce import Coalescer
from osrsdiff.errors import Deferred, RedisUnreachable, UnderWay

FIRST_PAUSE_S = 10.0
LONGEST_PAUSE_S = 600.0
PROBE_S = 30.0
"""How long a probe may take before another is let through: longer than any request."""

KEPT_S = 86_400.0
"""After so long without a request what was given away is forgotten."""

MOST_AT_ONCE = 100
"""Takes and releases in one round trip: Redis serves nobody else meanwhile."""

_Ask = Literal["take", "spare", "release"]
_Answer = tuple[int, int, int, int]

_REDIS_AWAY_S = 15.0
_SPARE_ASKS_EACH_S = 0.1
# shorter waits are over before anybody's trouble could be known
_RECHECK_FROM_S = 0.05

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function stored(microseconds) return string.format('%.0f', microseconds) end
local breaker = redis.call('HMGET', KEYS[1], 'since', 'until', 'failures', 'probe')
local since, till = tonumber(breaker[1] or '0'), tonumber(breaker[2] or '0')
local failures, probe = tonumber(breaker[3] or '0'), tonumber(breaker[4] or '0')
-- where the clock went back over its start, the pause is over too
local open = since <= now and now < till
"""

# Takes, spare ones too, and releases in the order in which they were asked for: KEYS[3] and on, '' where nobody is
# named. Gives for each {1, wait, since, epoch}: the slot is the caller's in `wait`; {0, wait, 0, 0}: nothing was taken,
# ask again in `wait`; {-1, 0, 0, 0}: nothing was taken, somebody is asking for this very name; {1, 0, 0, 0} for what is
# released
_ROUND = (
    _NOW
    + """
local interval, burst, max_wait, lease = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local token, kept = ARGV[5], tonumber(ARGV[6])
local budget = redis.call('HMGET', KEYS[2], 'slot', 'at', 'epoch')
local slot, at = tonumber(budget[1] or now + (burst - 1) * interval), tonumber(budget[2] or now)
local epoch = tonumber(budget[3] or now)
-- where the clock went back, what was given away is as far ahead as it was
slot = math.max(now, slot - math.max(0, at - now))
local given = false

local function take(asking, spare)
  if asking ~= '' and redis.call('EXISTS', asking) == 1 then return {-1, 0, 0, 0} end
  if open then return {0, till - now, 0, 0} end
  if since > 0 and now < probe and probe - now <= max_wait + lease then return {0, probe - now, 0, 0} end
  local wait = math.max(0, math.ceil(slot - (burst - 1) * interval - now))
  if spare and slot > now then return {0, math.ceil(slot - now), 0, 0} end
  if wait > max_wait then return {0, wait, 0, 0} end
  slot = slot + interval
  given = true
  if since > 0 then
    probe = now + wait + lease
    redis.call('HSET', KEYS[1], 'probe', stored(probe))
  end
  if asking ~= '' then redis.call('SET', asking, token, 'PX', math.ceil((wait + lease) / 1000)) end
  return {1, wait, since, epoch}
end

local function release(asking)
  if redis.call('GET', asking) == token then redis.call('DEL', asking) end
  return {1, 0, 0, 0}
end

local answers = {}
for place = 3, #KEYS do
  local kind = ARGV[place + 4]
  answers[place - 2] = kind == 'release' and release(KEYS[place]) or take(KEYS[place], kind == 'spare')
end
if given then
  redis.call('HSET', KEYS[2], 'slot', stored(slot), 'at', stored(now), 'epoch', stored(epoch))
  redis.call('PEXPIRE', KEYS[2], math.ceil((slot - now + kept) / 1000))
end
return answers
"""
)

# gives how long the breaker that opened after `since` was read stays open, -1 where none did; -2 where the slot is of
# another bucket
_STILL_CLOSED = (
    _NOW
    + """
if tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0') ~= tonumber(ARGV[2]) then return -2 end
if since == 0 or since == tonumber(ARGV[1]) then return -1 end
return math.max(till - now, 0)
"""
)

# several requests may fail of the same trouble: while it is open the breaker is only prolonged
_OPEN = (
    _NOW
    + """
local first, longest, asked, jitter = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if open then
  till = math.max(till, now + asked)
else
  failures = failures + 1
  since = now
  till = now + math.max(asked, math.min(longest, first * 2 ^ math.min(failures - 1, 20) * jitter))
end
redis.call('HSET', KEYS[1], 'since', stored(since), 'until', stored(till), 'failures', failures)
redis.call('HDEL', KEYS[1], 'probe')
redis.call('PEXPIRE', KEYS[1], math.ceil((till - now + 2 * longest) / 1000))
return failures
"""
)

# only for the breaker that the probe was let through by: it may have opened again since
_CLOSE = (
    _NOW
    + """
if since == tonumber(ARGV[1]) and not open then redis.call('DEL', KEYS[1]) end
return 0
"""
)

_STATE = _NOW + "return {till, failures}"


class BreakerState(Struct, frozen=True):
    """`open_until`: None while closed; once it is past, the next request is a probe. `failures`: in a row."""

    open_until: datetime | None
    failures: int


class RequestBudget:
    """The budget under one prefix. Every process that asks the hiscores has one, with the same figures."""

    def __init__(
        self, redis: Redis, prefix: str, *, requests_per_second: float, burst: int, max_wait_s: float = 20.0
    ) -> None:
        if requests_per_second <= 0 or burst < 1:
            raise ValueError("a budget needs a positive rate and a burst of at least 1")
        self._keys = [f"{prefix}breaker", f"{prefix}budget"]
        self._terms = [_us(1 / requests_per_second), burst, _us(max_wait_s), _us(PROBE_S)]
        self._asking = f"{prefix}asking:"
        self._token = secrets.token_hex(8)
        self._round = redis.register_script(_ROUND)
        # what callers ask for at the same moment goes out together
        self._rounds: Coalescer[tuple[_Ask, str], _Answer] = Coalescer(self._go_round, most=MOST_AT_ONCE)
        self._still_closed = redis.register_script(_STILL_CLOSED)
        self._open = redis.register_script(_OPEN)
        self._close = redis.register_script(_CLOSE)
        self._state = redis.register_script(_STATE)
        # the breaker that this process has sent a probe through, 0 where none
        self._probed = 0

    async def take(self, name: str | None = None) -> None:
        """Returns when one request may go out: a round trip to Redis, shared by all who wait; one more after a wait.

        `name`: whom it is about. Nobody else gets a slot for the same name until `release`, or until no request can
        be under way any more. That saves requests; it is no lock to rely on.

        Raises UnderWay where the name is being asked for, Deferred where Redis is away and, its `retry_after_s` set,
        where the slot is too far away or the breaker is open or has opened during the wait.
        """
        await self._take("take", name)

    async def take_spare(self, patience_s: float) -> None:
        """Returns when one request may go out for which nobody else has to wait. Raises Deferred after `patience_s`."""
        while True:
            try:
                return await self._take("spare", None)
            except Deferred as error:
                wait_s = max(error.retry_after_s or 0.0, _SPARE_ASKS_EACH_S) * random.uniform(1.0, 1.2)
                if wait_s > patience_s:
                    await sleep(max(patience_s, 0.0))
                    raise
            await sleep(wait_s)
            patience_s -= wait_s

    async def _take(self, kind: _Ask, name: str | None) -> None:
        try:
            while not await self._took(kind, name):
                pass  # the slot was of a budget that Redis has forgotten
        except (RedisError, OSError) as error:
            raise Deferred("Redis is away, so nobody knows the pace", retry_after_s=_REDIS_AWAY_S) from error

    async def release(self, name: str) -> None:
        """Lets others ask for `name` again."""
        with suppress(RedisError, OSError):  # then it ends by itself
            await self._rounds.do(("release", self._asking + name))

    async def succeeded(self) -> None:
        """The hiscores answered in order (also "not ranked"): a probe's success closes the breaker.

        Asks Redis only where this process has sent a probe.
        """
        if not self._probed:
            return
        try:
            await self._close(keys=self._keys[:1], args=[self._probed])
        except (RedisError, OSError):
            return  # the next probe's success will close it
        self._probed = 0

    async def troubled(self, retry_after_s: float | None) -> None:
        """The hiscores are in trouble: nobody asks for a while, longer each time, at least `retry_after_s`."""
        jitter = random.uniform(1.0, 1.2)
        arguments = [_us(FIRST_PAUSE_S), _us(LONGEST_PAUSE_S), _us(retry_after_s or 0), jitter]
        try:
            await self._open(keys=self._keys[:1], args=arguments)
        except (RedisError, OSError):
            return  # while Redis is away nobody gets a slot anyway
        self._probed = 0

    async def breaker(self) -> BreakerState:
        """The breaker as everybody sees it. Raises RedisUnreachable."""
        try:
            open_until_us, failures = await self._state(keys=self._keys[:1])
        except (RedisError, OSError) as error:
            raise RedisUnreachable(f"Redis does not answer: {error}") from error
        open_until = datetime.fromtimestamp(open_until_us / 1e6, UTC) if open_until_us else None
        return BreakerState(open_until, failures)

    async def _go_round(self, asks: list[tuple[_Ask, str]]) -> list[_Answer]:
        kinds, names = zip(*asks, strict=True)
        answers: list[_Answer] = await self._round(
            keys=[*self._keys, *names], args=[*self._terms, self._token, _us(KEPT_S), *kinds]
        )
        return answers

    async def _took(self, kind: _Ask, name: str | None) -> bool:
        """Waits for the next slot; whether it may be used."""
        taken, wait_us, breaker, epoch = await self._rounds.do((kind, "" if name is None else self._asking + name))
        if taken < 0:
            raise UnderWay(f"another request about {name} is under way")
        if not taken:
            raise _deferred(wait_us / 1e6)
        if breaker:
            self._probed = breaker
        if wait_us:
            await self._waited(wait_us / 1e6, name)
        return wait_us / 1e6 < _RECHECK_FROM_S or await self._still_counts(breaker, epoch, name)

    async def _waited(self, seconds: float, name: str | None) -> None:
        """Sleeps; whoever is stopped meanwhile does not keep others from asking for the name."""
        try:
            await sleep(seconds)
        except BaseException:
            if name is not None:
                with CancelScope(shield=True):
                    await self.release(name)
            raise

    async def _still_counts(self, breaker: int, epoch: int, name: str | None) -> bool:
        """Whether a slot that was waited for may be used: no breaker has opened, and Redis knows of it."""
        open_for_us = await self._still_closed(keys=self._keys, args=[breaker, epoch])
        if open_for_us == -1:
            return True
        if name is not None:
            await self.release(name)
        if open_for_us >= 0:
            raise _deferred(open_for_us / 1e6)
        return False


def _us(seconds: float) -> int:
    return max(round(seconds * 1e6), 0)


def _deferred(seconds: float) -> Deferred:
    return Deferred(f"no request to the hiscores may go out for another {seconds:.0f} s", retry_after_s=seconds)
