"""What Redis runs by itself, so that no two replicas can read, decide and write past each other. Times are its own."""

from hashlib import sha1


class Script:
    """A script, and the name by which a server that has run it once knows it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = sha1(text.encode(), usedforsecurity=False).hexdigest()


_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
"""

# GCRA: a key holds the theoretical arrival time of the next request, in milliseconds. One request moves it by the
# emission interval, and what is given back moves it back; moved by 0, a key is forgotten, whatever it holds.
_GCRA = (
    _NOW
    + """
local function keep(key, arrival)
if arrival <= now then redis.call('DEL', key) else
redis.call('SET', key, string.format('%.3f', arrival), 'PX', math.ceil(arrival - now)) end end
local function give_back(key, emission)
if emission == 0 then redis.call('DEL', key) else
keep(key, tonumber(redis.call('GET', key) or now) - emission) end end
"""
)

# First, as many keys as the first argument says are given back what the next ones say. Then requests are counted, each
# an emission interval and how many of those it may run ahead of now, one after the other until one has to wait. Answers
# how many were counted, and 0, or the milliseconds that the next one has to wait; less than 0 are those that failures
# under a key behind the others still delay the last request: it is not counted then.
TAKE = Script(
    _GCRA
    + """
local back = tonumber(ARGV[1])
for i = 1, back do give_back(KEYS[i], tonumber(ARGV[1 + i])) end
local asked = (#ARGV - 1 - back) / 2
for i = 1, asked do
local key, failures = KEYS[back + i], KEYS[back + i + 1]
local emission, burst = tonumber(ARGV[back + 2 * i]), tonumber(ARGV[back + 2 * i + 1])
if i == asked and failures then
local delay = tonumber(redis.call('HGET', failures, 'until') or 0) - now
if delay > 0 then return {i - 1, string.format('%.3f', -delay)} end end
local arrival = math.max(tonumber(redis.call('GET', key) or now), now)
local late = arrival + emission * (1 - burst) - now
if late > 0 then return {i - 1, string.format('%.3f', late)} end
keep(key, arrival + emission) end
return {asked, '0'}
"""
)

# Each key is given back what its argument says; answers how long the first one, which holds failures, still delayed.
WELCOME = Script(
    _GCRA
    + """
local delay = math.max(0, tonumber(redis.call('HGET', KEYS[1], 'until') or 0) - now)
for i = 1, #KEYS do give_back(KEYS[i], tonumber(ARGV[i])) end
return string.format('%.3f', delay)
"""
)

# A hash of how many failures in a row there were and until when, in milliseconds, that delays the next attempt.
FAIL = Script(
    _NOW
    + """
local count = redis.call('HINCRBY', KEYS[1], 'failures', 1)
local delay = tonumber(ARGV[1 + math.min(count, #ARGV - 1)])
redis.call('HSET', KEYS[1], 'until', string.format('%.3f', now + delay))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return '0'
"""
)
