"""What happens to the queue and its workers in one atomic step each, in Redis' own language and on Redis' own clock.

A message is in the queue until it is done. While it is one consumer's, only that one may acknowledge it or give it
back: whoever was taken for dead, and is not, changes nothing any more.
"""

ENQUEUE_ONCE = """
-- KEYS: queue, place; ARGV: message, its task's id, seconds after which the place is free again
-- gives the id of the task that has the place: another one's where that was sent before and has not left it
local holder = redis.call('GET', KEYS[2])
if holder then return holder end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
redis.call('XADD', KEYS[1], '*', 'data', ARGV[1])
return ARGV[2]
"""

LEAVE_PLACE = """
-- KEYS: place; ARGV: the id of the task that leaves it
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
"""

SIGN_OF_LIFE = """
-- KEYS: workers or schedulers; ARGV: name
local time = redis.call('TIME')
return redis.call('ZADD', KEYS[1], time[1] .. '.' .. string.format('%06d', time[2]), ARGV[1])
"""

# a script, since a transaction of two commands is four to send and to read
ACKNOWLEDGE = """
-- KEYS: queue; ARGV: group, consumer, ids; gives how many were still the consumer's
local queue, group, consumer, ours = KEYS[1], ARGV[1], ARGV[2], 0
for place = 3, #ARGV do
  local id = ARGV[place]
  local pending = redis.pcall('XPENDING', queue, group, id, id, 1, consumer)
  if pending[1] then
    redis.call('XACK', queue, group, id)
    redis.call('XDEL', queue, id)
    ours = ours + 1
  end
end
return ours
"""

RECLAIM = """
-- KEYS: queue, workers
-- ARGV: group, consumer, seconds after which a worker counts as dead, milliseconds after which a living one's message
-- is taken too, most to take, deliveries after which a message is given up
-- gives {{id, data, ...}, {id, data, ...}}: taken over, given up
local queue, workers = KEYS[1], KEYS[2]
local group, consumer, dead_after, idle = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local most, deliveries = tonumber(ARGV[5]), tonumber(ARGV[6])
local taken, given_up = {}, {}

local function note(list, id, fields)
  list[#list + 1] = id
  list[#list + 1] = fields[2]
end
local function take(pending)
  for _, row in ipairs(pending) do
    local id, times = row[1], row[4]
    local entry = redis.call('XRANGE', queue, id, id)[1]
    if not entry then
      redis.call('XACK', queue, group, id)
    elseif times >= deliveries then
      redis.call('XACK', queue, group, id)
      redis.call('XDEL', queue, id)
      note(given_up, id, entry[2])
    elseif #taken < 2 * most then
      redis.call('XCLAIM', queue, group, consumer, 0, id)
      note(taken, id, entry[2])
    end
  end
end

local groups = redis.pcall('XINFO', 'CONSUMERS', queue, group)
if groups.err then return {taken, given_up} end
local time = redis.call('TIME')
local dead_since = time[1] - dead_after
for _, flat in ipairs(groups) do
  local info = {}
  for i = 1, #flat, 2 do info[flat[i]] = flat[i + 1] end
  local seen = tonumber(redis.call('ZSCORE', workers, info.name) or '0')
  if info.name ~= consumer and seen < dead_since and info.idle > dead_after * 1000 then
    take(redis.call('XPENDING', queue, group, '-', '+', most, info.name))
    if #redis.call('XPENDING', queue, group, '-', '+', 1, info.name) == 0 then
      redis.call('XGROUP', 'DELCONSUMER', queue, group, info.name)
      redis.call('ZREM', workers, info.name)
    end
  end
end
redis.call('ZREMRANGEBYSCORE', workers, '-inf', dead_since - 3600)
take(redis.call('XPENDING', queue, group, 'IDLE', idle, '-', '+', most))
return {taken, given_up}
"""

GIVE_BACK = """
-- KEYS: queue, workers; ARGV: group, consumer, ids. Without ids: all that is pending, and the consumer retires
-- gives how many stand in the queue again; what another consumer has taken over is left to it
local queue, workers, group, consumer = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local ids = {unpack(ARGV, 3)}
local retires = #ids == 0
if retires then
  local pending = redis.pcall('XPENDING', queue, group, '-', '+', 100000, consumer)
  if pending.err then return 0 end
  for i, row in ipairs(pending) do ids[i] = row[1] end
end
local returned = 0
for _, id in ipairs(ids) do
  local pending = redis.pcall('XPENDING', queue, group, id, id, 1, consumer)
  if pending[1] then
    local entry = redis.call('XRANGE', queue, id, id)[1]
    if entry then
      redis.call('XADD', queue, '*', unpack(entry[2]))
      returned = returned + 1
    end
    redis.call('XACK', queue, group, id)
    redis.call('XDEL', queue, id)
  end
end
if retires then
  redis.call('XGROUP', 'DELCONSUMER', queue, group, consumer)
  redis.call('ZREM', workers, consumer)
end
return returned
"""
