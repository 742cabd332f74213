#!lua
-- One call for everything that waits in one tick of a gateway: what it has to tell of messages that
-- it had (notes), then what it asks of new ones (claims), each with its limits.
--
-- A claim is a text that expires: "L" or "P" with its holder while somebody has the message, before
-- and after it is on a disk; "D" with the answer once it is done. Running twice changes nothing.
--
-- KEYS  the epoch; one for each note; one for each claim; one for each limit, in the order of ARGV;
--       and, where there are limits, the clock
-- ARGV  1 an epoch to begin with, if there is none; 2 the holder; 3 milliseconds of a lease
--       4 how many runs of notes; for each: how many notes, their value, their milliseconds
--       then how many claims
--       then how many kinds of claims; for each the limits that it falls under, as "I T R I T R ...":
--       the emission interval and the tolerance in microseconds, and the number of the rule
--       then the kind of each claim, from 1 on, as one byte
-- Returns the epoch; a letter for each claim; and, in their order, what belongs to a letter:
--   n  new: the holder has it now        l  leased: somebody else has it
--   d  done                              a  done, and its answer
--   x  over a limit, and "rule:microseconds": the first rule that denies it, and when all would pass

local epoch = redis.call('GET', KEYS[1])
if not epoch then
  epoch = ARGV[1]
  redis.call('SET', KEYS[1], epoch)
end
local holder, lease = ARGV[2], ARGV[3]
local mine, pending = 'L' .. holder, 'P' .. holder
local at, key_at = 4, 1

for _ = 1, tonumber(ARGV[4]) do
  local count, value, life = tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3]
  at = at + 3
  for _ = 1, count do
    key_at = key_at + 1
    local key = KEYS[key_at]
    if value == '' then
      -- Given back, if it is ours.
      local found = redis.call('GET', key)
      if found == mine or found == pending then redis.call('DEL', key) end
    elseif value == 'D' then
      -- An answer that somebody knows is worth more than that there was one.
      local found = redis.call('SET', key, value, 'GET', 'PX', life)
      if found and #found > 1 and string.byte(found) == 68 then
        redis.call('SET', key, found, 'PX', life)
      end
    elseif string.byte(value) == 68 then
      redis.call('SET', key, value, 'PX', life)
    else
      local found = redis.call('GET', key)
      if not found or string.byte(found) ~= 68 then redis.call('SET', key, value, 'PX', life) end
    end
  end
end

local claims, kinds = tonumber(ARGV[at + 1]), {}
for kind = 1, tonumber(ARGV[at + 2]) do
  local limits = {}
  for interval, tolerance, rule in string.gmatch(ARGV[at + 2 + kind], '(%d+) (%d+) (%d+)') do
    limits[#limits + 1] = {tonumber(interval), tonumber(tolerance), rule}
  end
  kinds[kind] = limits
end
local kind_of = ARGV[at + 3 + #kinds]
local limit_at = key_at + claims
local now, last, ahead
local arrivals, changed = {}, {}
local clock, limits_end = KEYS[#KEYS], #KEYS - 1
local turned_back = false
if #KEYS > limit_at then
  local time = redis.call('TIME')
  last, ahead = string.match(redis.call('GET', clock) or '', '^(%d+) (%d+)$')
  last, ahead = tonumber(last or 0), tonumber(ahead or 0)
  now = tonumber(time[1]) * 1000000 + tonumber(time[2]) + ahead
  if now < last then
    -- It was set back, or is another server's: from here on it goes on from where it was. By the
    -- time that it shows, keys would be over their limits until it has come there again.
    ahead, now, turned_back = ahead + last - now, last, true
  end
  -- Lua returns 8,000 values at once, at most.
  for from = limit_at + 1, limits_end, 1000 do
    local known = redis.call('MGET', unpack(KEYS, from, math.min(from + 999, limits_end)))
    for i, arrival in ipairs(known) do
      arrivals[KEYS[from + i - 1]] = tonumber(arrival or 0)
    end
  end
end

-- Takes from all limits of a claim, or from none: GCRA, in whole microseconds of this server.
local function admitted(limits)
  local wait, rule = 0, nil
  for i, limit in ipairs(limits) do
    local key, tolerance = KEYS[limit_at + i], limit[2]
    -- Where a rule was made stricter, who is over it is told one interval at most.
    local arrival = math.min(math.max(arrivals[key], now), now + tolerance + limit[1])
    arrivals[key] = arrival
    local early = arrival - tolerance - now
    if early > 0 then
      rule = rule or limit[3]
      wait = math.max(wait, early)
    end
  end
  if not rule then
    for i, limit in ipairs(limits) do
      local key = KEYS[limit_at + i]
      arrivals[key] = arrivals[key] + limit[1]
      changed[key] = true
    end
  end
  return rule, wait
end

local letters, more = {}, {}
for i = 1, claims do
  local key = KEYS[key_at + i]
  local limits = kinds[string.byte(kind_of, i)]
  local found = redis.call('SET', key, mine, 'NX', 'GET', 'PX', lease)
  local rule, wait
  if not found and limits[1] then
    rule, wait = admitted(limits)
    if rule then redis.call('DEL', key) end
  end
  limit_at = limit_at + #limits
  if rule then
    letters[i] = 'x'
    more[#more + 1] = rule .. ':' .. string.format('%.0f', wait)
  elseif not found then
    letters[i] = 'n'
  elseif found == mine then
    -- Asked before, and not answered, or given back and not heard.
    redis.call('PEXPIRE', key, lease)
    letters[i] = 'n'
  elseif string.byte(found) ~= 68 then
    letters[i] = 'l'
  elseif #found == 1 then
    letters[i] = 'd'
  else
    letters[i] = 'a'
    more[#more + 1] = string.sub(found, 2)
  end
end
if turned_back or next(changed) then
  redis.call('SET', clock, string.format('%.0f %.0f', now, ahead))
end
for key in pairs(changed) do
  local life = string.format('%.0f', math.ceil((arrivals[key] - now) / 1000) + 1000)
  redis.call('SET', key, string.format('%.0f', arrivals[key]), 'PX', life)
end
return {epoch, table.concat(letters), more}
