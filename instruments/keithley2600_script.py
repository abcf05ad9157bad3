"""The part of the driver that runs inside a 2600B: functions in Lua.

They are loaded once, when the driver connects. A program is sent once (``labctl_new`` and
``labctl_put``) and played by its number (``labctl_play``); only settings that differ from what is
set already are touched, so that a closed loop costs the instrument little. How the lines are made
and read is in `instruments.keithley2600_lines`. TSP is Lua 5.0: there is no ``#`` and no ``%``.

Facts of the instrument that shape it (Series 2600B Reference Manual, 2600BS-901-01 Rev. F, section
9; for the second also 2606B-901-01 Rev. C, page 15-22):

- with the output off the terminal is at zero volts, whatever is sourced with it on, as long as the
  output-off function is volts (page 9-246); so what is sourced is changed with the output off only,
  to a level of zero, and the output goes on after limit and range have been read back;
- asynchronous measurement (``smuX.ASYNC``) leaves the width of a level undisturbed, and needs
  fixed ranges and autozero off or once;
- it cannot record source values, so the voltage is measured along with the current;
- timestamps count from the buffer's first reading, so the timer is read where the sweep starts;
- references of the converter are kept for the last ten apertures;
- a timer that is triggered goes on in its list of delays where it stopped;
- ``*TRG`` is taken while a script runs, and remembered until ``trigger.wait`` asks for it.

Every program leaves level zero and outputs off by itself, whether it ends or fails, and it fails
when the computer has been silent for too long.
"""

__all__ = ["SCRIPT"]

SCRIPT = """
loadscript labctl
labctl_programs = {}  -- by number
labctl_now = {}       -- what channels (by name) and timers (by number) are set to
labctl_zeroed = {}    -- when the converter was zeroed: channel name -> aperture -> time
labctl_patience = 0   -- s without a word from the computer that end a program; 0 for no end
labctl_heard = 0      -- when there was one
labctl_other = {v = "i", i = "v"}
labctl_unit = {v = "V", i = "A"}
labctl_limit = {v = "voltage limit", i = "compliance"}

function labctl_new(n, program)
  program.lists = {}
  labctl_programs[n] = program
end

-- append values to a list of program n
function labctl_put(n, key, values)
  local lists = labctl_programs[n].lists
  if not lists[key] then lists[key] = {} end
  for _, value in ipairs(values) do table.insert(lists[key], value) end
end

function labctl_say(word, t0)
  print(string.format("labctl %s %.6f %d", word, t0, errorqueue.count))
end

-- let a time pass and see that the computer, which answers every sign of life with a trigger, is
-- there; what is wrong ends the program with the outputs off
function labctl_delay(duration)
  delay(duration)
  local now = timer.measure.t()
  if trigger.wait(0) then
    labctl_heard = now
  elseif labctl_patience > 0 and now - labctl_heard > labctl_patience then
    error(string.format("the computer has been silent for %g s", now - labctl_heard), 0)
  end
end

-- let a rest pass, with a sign of life every beat
function labctl_rest(duration, beat, t0)
  if duration <= 0 then return end
  local finish, left = timer.measure.t() + duration, duration
  while left > beat do
    labctl_delay(beat)
    labctl_say("running", t0)
    left = finish - timer.measure.t()
  end
  if left > 0 then delay(left) end
end

-- settings that are the same for every program; the output is off
function labctl_fix(s)
  s.source.output = s.OUTPUT_OFF
  s.source.offfunc = s.OUTPUT_DCVOLTS
  s.source.levelv = 0
  s.source.leveli = 0
  s.source.limiti = 1e-3
  s.source.limitv = 0.1
  s.source.func = s.OUTPUT_DCVOLTS
  s.source.autorangev = s.AUTORANGE_OFF
  s.source.autorangei = s.AUTORANGE_OFF
  s.source.delay = 0
  s.measure.autorangei = s.AUTORANGE_OFF
  s.measure.autorangev = s.AUTORANGE_OFF
  s.measure.delay = 0
  s.measure.count = 1
  s.measure.filter.enable = s.FILTER_OFF
  for stamps, b in pairs({[1] = s.nvbuffer1, [0] = s.nvbuffer2}) do
    b.clear()
    b.appendmode = 1
    b.cachemode = 0
    b.collectsourcevalues = 0
    b.collecttimestamps = stamps
  end
  -- a level at each start, zero at each end
  local t = s.trigger
  t.source.action = s.ENABLE
  t.endpulse.action = s.SOURCE_IDLE
  t.endpulse.stimulus = trigger.timer[2].EVENT_ID
  t.endsweep.action = s.SOURCE_IDLE
  t.arm.stimulus = 0
  t.arm.count = 1
  t.measure.iv(s.nvbuffer1, s.nvbuffer2)
end

function labctl_differs(is, asked) return math.abs(is - asked) > 1e-3 * math.abs(asked) end

function labctl_func(s, q) return q == "v" and s.OUTPUT_DCVOLTS or s.OUTPUT_DCAMPS end

-- source volts or amperes from now on; the output is off
function labctl_source(c, now)
  local s = c.smu
  if now.sources == c.sources then return end
  s.source.levelv = 0
  s.source.leveli = 0
  s.source.func = labctl_func(s, c.sources)
  now.range, now.limit, now.meter = nil, nil, nil
  now.sources = c.sources
end

function labctl_range(c, p, now)
  local s, q, o = c.smu, c.sources, labctl_other[c.sources]
  local range, limit = "range" .. q, "limit" .. o
  if now.sense ~= p.sense then s.sense = p.sense end
  if now.range ~= c.range or now.limit ~= c.limit then
    -- the smaller limit first: a large one may not be allowed on a large range
    if c.limit < s.source[limit] then s.source[limit] = c.limit end
    s.source[range] = c.range
    s.source[limit] = c.limit
    s.trigger.source[limit] = c.limit
  end
  if now.meter ~= c.meter then s.measure["range" .. o] = c.meter end
  if now.nplc ~= p.nplc then s.measure.nplc = p.nplc end
  now.sense, now.range, now.limit, now.meter, now.nplc =
    p.sense, c.range, c.limit, c.meter, p.nplc
  local source, meter = s.source[range], s.measure["range" .. o]
  if labctl_differs(source, c.range) or labctl_differs(meter, c.meter)
    or labctl_differs(s.measure.nplc, p.nplc) then
    error(string.format("ranges and aperture read back as %g %s, %g %s, %g PLC", source,
                        labctl_unit[q], meter, labctl_unit[o], s.measure.nplc), 0)
  end
end

function labctl_model(c, p, now, start)
  local s, t = c.smu, c.smu.trigger
  if now.levels ~= p.lists[c.levels] then
    t.source["list" .. c.sources](p.lists[c.levels])
    now.levels = p.lists[c.levels]
  end
  if now.start ~= start then t.source.stimulus = start end
  if now.count ~= p.count then t.count = p.count end
  now.start, now.count = start, p.count
  if now.offsets ~= (c.offsets ~= nil) then
    now.offsets = c.offsets ~= nil
    t.measure.action = now.offsets and s.ASYNC or s.DISABLE
    t.measure.stimulus = now.offsets and trigger.timer[c.timer].EVENT_ID or 0
  end
  if now.resolution ~= p.resolution then
    s.nvbuffer1.clear()
    s.nvbuffer1.timestampresolution = p.resolution
    now.resolution = p.resolution
  end
end

function labctl_timer(n, list, stimulus, count)
  local t, now = trigger.timer[n], labctl_now[n]
  if not now then
    t.reset()
    t.passthrough = n == 1
    now = {}
    labctl_now[n] = now
  end
  if now.list ~= list then t.delaylist = list end
  if now.count ~= count then t.count = count end
  if now.stimulus ~= stimulus then t.stimulus = stimulus end
  now.list, now.count, now.stimulus = list, count, stimulus
end

-- the first channel's arming is the first start; timer 1 makes the others
function labctl_timers(p)
  local start = p.channels[p.first].smu.trigger.ARMED_EVENT_ID
  if p.count > 1 then
    labctl_timer(1, p.lists.periods, start, p.count - 1)
    start = trigger.timer[1].EVENT_ID
  elseif labctl_now[1] and labctl_now[1].stimulus ~= 0 then
    trigger.timer[1].stimulus = 0
    labctl_now[1].stimulus = 0
  end
  labctl_timer(2, p.lists.widths, start, 1)
  local used = {}
  for _, c in ipairs(p.channels) do
    if c.offsets then
      labctl_timer(c.timer, p.lists[c.offsets], start, 1)
      used[c.timer] = true
    end
  end
  -- the timer of a channel that does not measure now is still triggered and goes on in its list:
  -- before it is used again that has to be sent from its beginning
  for n = 3, 4 do
    if labctl_now[n] and not used[n] then labctl_now[n].list = nil end
  end
  return start
end

function labctl_setup(p)
  local start = p.count > 0 and labctl_timers(p)
  for _, c in ipairs(p.channels) do
    if not labctl_now[c.name] then
      labctl_fix(c.smu)
      labctl_now[c.name] = {}
    end
    labctl_source(c, labctl_now[c.name])
    labctl_range(c, p, labctl_now[c.name])
    if c.levels then labctl_model(c, p, labctl_now[c.name], start) end
  end
end

-- zero the converter for a new aperture and every ten minutes; never while a sweep is timed
function labctl_zero(c, p, now)
  local zeroed = labctl_zeroed[c.name]
  if not zeroed or zeroed.apertures > 8 then zeroed = {apertures = 0} end
  labctl_zeroed[c.name] = zeroed
  local last = zeroed[p.nplc]
  if last and now >= last and now - last < 600 then return end
  c.smu.measure.autozero = c.smu.AUTOZERO_ONCE
  zeroed[p.nplc] = now
  if not last then zeroed.apertures = zeroed.apertures + 1 end
end

-- see that the source is what it is to be, and limits what it is to limit
function labctl_look(c)
  local s, o = c.smu, labctl_other[c.sources]
  if s.source.func ~= labctl_func(s, c.sources) or s.source["level" .. c.sources] ~= 0 then
    error(string.format("it does not source 0 %s", labctl_unit[c.sources]), 0)
  end
  local limit, unit = s.source["limit" .. o], labctl_unit[o]
  if labctl_differs(limit, c.limit) then
    error(string.format("the %s reads back as %g %s, not %g %s", labctl_limit[o], limit, unit,
                        c.limit, unit), 0)
  end
end

-- empty buffers, and a last look before the outputs go on
function labctl_ready(p)
  local now = timer.measure.t()
  for _, c in ipairs(p.channels) do
    if c.offsets then
      labctl_zero(c, p, now)
      c.smu.nvbuffer1.clear()
      c.smu.nvbuffer2.clear()
    end
    labctl_look(c)
  end
  if errorqueue.count > 0 then error("the settings were refused", 0) end
  for _, c in ipairs(p.channels) do c.smu.source.output = c.smu.OUTPUT_ON end
  delay(p.settle)
end

-- start the first channel last: all the others wait for its events
function labctl_start(p)
  for k, c in ipairs(p.channels) do
    if c.levels and k ~= p.first then c.smu.trigger.initiate() end
  end
  local t0 = timer.measure.t()
  p.channels[p.first].smu.trigger.initiate()
  return t0
end

-- how many readings every measured channel has
function labctl_taken(p)
  local taken = p.count
  for _, c in ipairs(p.channels) do
    if c.offsets then taken = math.min(taken, c.smu.nvbuffer1.n, c.smu.nvbuffer2.n) end
  end
  return taken
end

-- print the readings up to this one
function labctl_send(p, sent, taken)
  while p.measured and sent < taken do
    local last = math.min(sent + p.chunk, taken)
    for _, c in ipairs(p.channels) do
      if c.offsets then
        local i, v = c.smu.nvbuffer1, c.smu.nvbuffer2
        printbuffer(sent + 1, last, i.readings, i.timestamps, i.statuses, v.readings)
      end
    end
    sent = last
  end
  return sent
end

function labctl_off(p)
  for _, c in ipairs(p.channels) do c.smu.source.output = c.smu.OUTPUT_OFF end
end

function labctl_sweep(p)
  labctl_ready(p)
  labctl_rest(p.lead, p.beat, -1)
  local t0, sent, left = labctl_start(p), 0, p.span
  while left > p.beat do
    labctl_delay(p.beat)
    sent = labctl_send(p, sent, labctl_taken(p))
    labctl_say("running", t0)
    left = t0 + p.span - timer.measure.t()
  end
  waitcomplete()
  labctl_off(p)
  labctl_send(p, sent, p.count)
  -- timer 1 stopped one delay short of the end of its list
  if table.getn(p.lists.periods) > 1 and p.count > 1 then labctl_now[1].list = nil end
  return t0
end

function labctl_run(p)
  -- six digits are the default: all that was set is gone, and no sweep would run
  if format.asciiprecision ~= 13 then
    error("somebody has brought its settings to their defaults since they were set", 0)
  end
  trigger.clear()
  labctl_heard = timer.measure.t()
  labctl_setup(p)
  local t0 = -1
  if p.count > 0 then t0 = labctl_sweep(p) end
  labctl_rest(p.trail, p.beat, t0)
  labctl_say("done", t0)
end

-- play program n; fresh: nothing is known of how the instrument is set
function labctl_play(n, fresh)
  if fresh then
    labctl_now, labctl_zeroed = {}, {}
    format.data = format.ASCII
    format.asciiprecision = 13
  end
  local p = labctl_programs[n]
  local fine, text = pcall(labctl_run, p)
  if fine then return end
  for _, c in ipairs(p.channels) do
    c.smu.abort()
    c.smu.source.levelv = 0
    c.smu.source.leveli = 0
  end
  labctl_off(p)
  labctl_now = {}
  print("labctl fault " .. string.gsub(tostring(text), "[\\r\\n]+", " "))
end
endscript
"""
