"""What happens to schedules and fixed jobs in one atomic step each, in Redis' own language and on Redis' own clock.

All that concern schedules take the first five keys in this order: schedules, due, claims, leases, moved. What holds
between any two of them: a claimed id stands in `claims` and `leases`, and its score in `due` is when its lease ends;
whoever claimed it writes only while that score is still theirs. So deleting, changing or moving a schedule needs no
lock: it changes the score.
"""

_OPENING = """
local schedules, due, claims, leases, moved = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local function exact(seconds) return string.format('%.6f', seconds) end
local function release(id)
  redis.call('HDEL', claims, id)
  redis.call('ZREM', leases, id)
end
local function is_held(id, deadline)
  local score = redis.call('ZSCORE', due, id)
  return score and tonumber(score) == tonumber(deadline)
end
"""

CLAIM = (
    _OPENING
    + """
-- KEYS 6 to 9: queue, schedulers, marker, pace
-- ARGV: lookahead, lease, most to claim, places in the queue, fingerprint or '', scheduler's name, catch-up time
-- gives {state of the marker, now, end of the leases, {id, fire, beat of a moved fire or '', schedule, ...}}
local queue, schedulers, marker, pace = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local lookahead, lease, room, places = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local fingerprint, name, catch_up = ARGV[5], ARGV[6], tonumber(ARGV[7])

local mark = redis.call('GET', marker)
if fingerprint ~= '' and mark and mark ~= fingerprint then return {'foreign', exact(now), '', {}} end
redis.call('ZADD', schedulers, exact(now), name)

local deadline = exact(now + lease)
local granted = {}
local function grant(id, fire)
  local schedule = redis.call('HGET', schedules, id)
  if not schedule then
    redis.call('ZREM', due, id)
    redis.call('HDEL', moved, id)
    release(id)
    return 0
  end
  redis.call('ZADD', due, deadline, id)
  redis.call('HSET', claims, id, fire)
  redis.call('ZADD', leases, deadline, id)
  local n = #granted
  granted[n + 1], granted[n + 2] = id, fire
  granted[n + 3], granted[n + 4] = redis.call('HGET', moved, id) or '', schedule
  return 1
end

-- claims whose holder is gone come first; they have their places already
local function take_over(from, till)
  if room <= 0 then return end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases, from, till, 'LIMIT', 0, room)) do
    room = room - grant(id, redis.call('HGET', claims, id) or exact(now))
  end
end
take_over('-inf', exact(now))
-- no lease is so long: the clock went back since
take_over('(' .. exact(now + lease + 1), '+inf')

-- what fell due while nobody claimed is spread over the catch-up time
local paced = redis.call('HMGET', pace, 'at', 'since', 'rate', 'spare')
local at, since = tonumber(paced[1] or now), tonumber(paced[2] or '0')
local rate, spare = tonumber(paced[3] or '0'), tonumber(paced[4] or '0')
if since > now then since = 0 end
if catch_up > 0 and now - at > 30 then
  since = now
  -- a short absence is made up for in no more time than it took
  rate = math.max(1, redis.call('ZCOUNT', due, '-inf', exact(now)) / math.min(catch_up, now - at))
  spare = 0
end
local is_paced = now <= since + catch_up
spare = math.min(spare + rate * math.min(math.max(now - at, 0), 1), math.max(rate, 1))

local wanted = math.min(room, places - redis.call('XLEN', queue) - redis.call('HLEN', claims))
local from, horizon, skipped = '-inf', exact(now + lookahead), 0
while wanted > 0 do
  local fires = redis.call('ZRANGEBYSCORE', due, from, horizon, 'WITHSCORES', 'LIMIT', skipped, wanted)
  if #fires == 0 then break end
  for i = 1, #fires, 2 do
    local id, fire = fires[i], fires[i + 1]
    local is_backlog = is_paced and tonumber(fire) <= since
    if redis.call('HEXISTS', claims, id) == 1 then
      skipped = skipped + 1
    elseif is_backlog and spare < 1 then
      from, skipped, is_paced = '(' .. exact(since), 0, false
      break
    else
      local given = grant(id, fire)
      wanted = wanted - given
      if is_backlog then spare = spare - given end
    end
  end
end
redis.call('HSET', pace, 'at', exact(now), 'since', exact(since), 'rate', exact(rate), 'spare', exact(spare))
return {mark and 'ours' or 'missing', exact(now), deadline, granted}
"""
)

ENQUEUE = (
    _OPENING
    + """
-- KEYS 6: queue
-- ARGV: message, then id, end of lease and next fire ('' where there is none any more) of the claim that it is sent
-- for, of each; the id is '' where there is no claim
-- gives 1 or 0 for each: in the queue, or the claim does not stand any more
local queue, answers = KEYS[6], {}
for i = 1, #ARGV, 4 do
  local id, next_fire = ARGV[i + 1], ARGV[i + 3]
  local stands = id == '' or is_held(id, ARGV[i + 2])
  if stands then redis.call('XADD', queue, '*', 'data', ARGV[i]) end
  if stands and id ~= '' then
    release(id)
    redis.call('HDEL', moved, id)
    if next_fire == '' then
      redis.call('ZREM', due, id)
      redis.call('HDEL', schedules, id)
    else
      redis.call('ZADD', due, next_fire, id)
    end
  end
  answers[#answers + 1] = stands and 1 or 0
end
return answers
"""
)

RELEASE = (
    _OPENING
    + """
-- ARGV: id and end of lease of each
for i = 1, #ARGV, 2 do
  local id = ARGV[i]
  local fire = redis.call('HGET', claims, id)
  if fire and is_held(id, ARGV[i + 1]) then
    redis.call('ZADD', due, fire, id)
    release(id)
  end
end
return 0
"""
)

ADD = (
    _OPENING
    + """
-- ARGV: how far past its first fire no next fire is, then all ids, then all schedules, then all first fires
-- gives how many were new or different
local far, count = tonumber(ARGV[1]), (#ARGV - 1) / 3
local scores = redis.call('ZMSCORE', due, unpack(ARGV, 2, 1 + count))
local stored = redis.call('HMGET', schedules, unpack(ARGV, 2, 1 + count))
local written, fires = {}, {}
for i = 1, count do
  local id, schedule, first = ARGV[1 + i], ARGV[1 + count + i], ARGV[1 + 2 * count + i]
  local score = scores[i]
  local is_lost = not score or tonumber(score) > tonumber(first) + far
  if is_lost or stored[i] ~= schedule then
    local n = #written
    written[n + 1], written[n + 2] = id, schedule
    fires[n + 1], fires[n + 2] = first, id
    if score then
      redis.call('HDEL', moved, id)
      release(id)
    end
  end
end
if #written > 0 then
  redis.call('HSET', schedules, unpack(written))
  redis.call('ZADD', due, unpack(fires))
end
return #written / 2
"""
)

DELETE = """
-- ARGV: ids; gives how many there were
local gone = redis.call('HDEL', KEYS[1], unpack(ARGV))
redis.call('ZREM', KEYS[2], unpack(ARGV))
redis.call('HDEL', KEYS[3], unpack(ARGV))
redis.call('ZREM', KEYS[4], unpack(ARGV))
redis.call('HDEL', KEYS[5], unpack(ARGV))
return gone
"""

POSTPONE = (
    _OPENING
    + """
-- ARGV: id, when, how near it may be, beat or '', the caller's time, '1': only where that is sooner and was not moved
-- gives when it fires now, '' where it is not scheduled
local id = ARGV[1]
local score = redis.call('ZSCORE', due, id)
if not score then return '' end
local ahead = tonumber(ARGV[5]) - now
if math.abs(ahead) < 0.5 then ahead = 0 end
local at = exact(math.max(tonumber(ARGV[2]) - ahead, now + tonumber(ARGV[3])))
local is_taken = tonumber(score) <= tonumber(at) or redis.call('HEXISTS', moved, id) == 1
if ARGV[6] == '1' and is_taken then return score end
redis.call('ZADD', due, at, id)
release(id)
if ARGV[4] == '' then redis.call('HDEL', moved, id) else redis.call('HSET', moved, id, ARGV[4]) end
return at
"""
)

TAKE_JOB = """
-- KEYS: fixed, the job's place; ARGV: job, its fire, lease, the message's id
-- gives 1 where the fire is the caller's to send, for as long as the lease, and no earlier run waits to begin
-- the place is taken before the message is sent, since a worker may begin, and leave it, before the sender is told
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local job, fire, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local known = redis.call('HMGET', KEYS[1], job, job .. ':lease')
local sent, ends = tonumber(known[1] or '0'), tonumber(known[2] or '0')
-- what lies far ahead was written by a clock that went wrong
if fire <= sent and sent < now + 86400 then return 0 end
if now < ends and ends <= now + lease then return 0 end
redis.call('HSET', KEYS[1], job .. ':lease', string.format('%.6f', now + lease))
redis.call('SET', KEYS[2], ARGV[4], 'EX', lease)
return 1
"""

KEEP_PLACE = """
-- KEYS: a job's place; ARGV: the id of the message that was sent for it, seconds after which it counts as lost
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return 0
"""

SETTLE_JOBS = """
-- KEYS: fixed; ARGV: job and fire of each that was sent
local tomorrow = redis.call('TIME')[1] + 86400
for i = 1, #ARGV, 2 do
  local sent = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or '0')
  if sent < tonumber(ARGV[i + 1]) or sent >= tomorrow then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
  redis.call('HDEL', KEYS[1], ARGV[i] .. ':lease')
end
return 0
"""
