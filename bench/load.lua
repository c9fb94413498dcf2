-- One POST of the file BODY to the given address again and again, PAUSE_MS after each answer;
-- ends with a line of JSON.
local file = assert(io.open(os.getenv("BODY"), "rb"))
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "application/json"
file:close()

local pause_ms = tonumber(os.getenv("PAUSE_MS"))
if pause_ms then
  function delay() return pause_ms end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"p50_ms": %f, "p99_ms": %f, "per_s": %f, "requests": %d, "failed": %d}\n',
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    summary.requests / summary.duration * 1e6, summary.requests,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
