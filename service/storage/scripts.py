"""What Redis runs by itself, so that no two replicas can read, decide and write past each other. Times are its own."""

from hashlib import sha1


class Script:
    """A script, and the name by which a server that has run it once knows it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = sha1(text.encode(), usedforsecurity=False).hexdigest()


# GCRA: a key holds the theoretical arrival time of the next request, in milliseconds. One request moves it by the
# emission interval; it may run ahead of now by `burst` intervals. Requests are counted one after the other until one
# has to wait. Answers how many were counted, and 0, or the milliseconds that the next one has to wait; less than 0 are
# those that failures under a key behind the others still delay the last request: it is not counted then.
TAKE = Script("""
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local asked = #ARGV / 2
for i = 1, asked do
local emission, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
if i == asked and KEYS[i + 1] then
local delay = tonumber(redis.call('HGET', KEYS[i + 1], 'until') or 0) - now
if delay > 0 then return {i - 1, string.format('%.3f', -delay)} end end
local arrival = math.max(tonumber(redis.call('GET', KEYS[i]) or now), now)
local late = arrival + emission * (1 - burst) - now
if late > 0 then return {i - 1, string.format('%.3f', late)} end
arrival = arrival + emission
redis.call('SET', KEYS[i], string.format('%.3f', arrival), 'PX', math.ceil(arrival - now)) end
return {asked, '0'}
""")

# Each key but the first is moved back by its own emission interval; the first, which holds failures, is forgotten.
WELCOME = Script("""
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local delay = math.max(0, tonumber(redis.call('HGET', KEYS[1], 'until') or 0) - now)
redis.call('DEL', KEYS[1])
for i = 2, #KEYS do
local arrival = tonumber(redis.call('GET', KEYS[i]) or now) - tonumber(ARGV[i - 1])
if arrival <= now then redis.call('DEL', KEYS[i]) else
redis.call('SET', KEYS[i], string.format('%.3f', arrival), 'PX', math.ceil(arrival - now)) end end
return string.format('%.3f', delay)
""")

# A hash of how many failures in a row there were and until when, in milliseconds, that delays the next attempt.
FAIL = Script("""
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local count = redis.call('HINCRBY', KEYS[1], 'failures', 1)
local delay = tonumber(ARGV[1 + math.min(count, #ARGV - 1)])
redis.call('HSET', KEYS[1], 'until', string.format('%.3f', now + delay))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return '0'
""")
