"""The factory scripts of a Series 2600B that measure: KISweep, KIPulse, KIHighC, KIParlib.

They run inside the instrument, as Lua; written after what the manual says each function does
(Series 2600B Reference Manual, 2600BS-901-01 Rev. F, pages 7-21 to 7-25 and section 9). Texts of
messages and the values that omitted parameters take are to be checked. Data of a sweep or a pulse
train are in ``smuX.nvbuffer1``: readings, source values, timestamps.
"""

from __future__ import annotations

__all__ = ["FACTORY_SCRIPTS"]

_SWEEP = """
-- one list of levels; each is sourced, left to settle, and measured
local function sweep(smu, func, measure, levels, stime, points)
  local buffer = smu.nvbuffer1
  buffer.clear()
  buffer.appendmode = 1
  buffer.collecttimestamps = 1
  buffer.collectsourcevalues = 1
  smu.source.func = func
  local set = func == smu.OUTPUT_DCVOLTS and "levelv" or "leveli"
  smu.source[set] = levels[1]
  smu.source.output = smu.OUTPUT_ON
  for k = 1, points do
    smu.source[set] = levels[k]
    if stime > 0 then delay(stime) end
    measure(buffer)
  end
  smu.source.output = smu.OUTPUT_OFF
end

local function linear(start, stop, points)
  local levels = {}
  for k = 1, points do levels[k] = start + (stop - start) * (k - 1) / (points - 1) end
  return levels
end

local function logarithmic(start, stop, points)
  local levels = {}
  local step = (math.log10(stop) - math.log10(start)) / (points - 1)
  for k = 1, points do levels[k] = 10 ^ (math.log10(start) + (k - 1) * step) end
  return levels
end

local function voltage(smu, levels, stime, points)
  return sweep(smu, smu.OUTPUT_DCVOLTS, smu.measure.i, levels, stime, points)
end

local function current(smu, levels, stime, points)
  return sweep(smu, smu.OUTPUT_DCAMPS, smu.measure.v, levels, stime, points)
end

function SweepVLinMeasureI(smu, startv, stopv, stime, points)
  if smu == nil then smu, startv, stopv, stime, points = smua, 0, 1, 0.01, 11 end
  voltage(smu, linear(startv, stopv, points), stime, points)
end

function SweepVLogMeasureI(smu, startv, stopv, stime, points)
  if smu == nil then smu, startv, stopv, stime, points = smua, 0.01, 1, 0.01, 11 end
  voltage(smu, logarithmic(startv, stopv, points), stime, points)
end

function SweepVListMeasureI(smu, vlist, stime, points)
  if smu == nil then smu, vlist, stime, points = smua, {0, 1}, 0.01, 2 end
  voltage(smu, vlist, stime, points)
end

function SweepILinMeasureV(smu, starti, stopi, stime, points)
  if smu == nil then smu, starti, stopi, stime, points = smua, 0, 1e-3, 0.01, 11 end
  current(smu, linear(starti, stopi, points), stime, points)
end

function SweepILogMeasureV(smu, starti, stopi, stime, points)
  if smu == nil then smu, starti, stopi, stime, points = smua, 1e-6, 1e-3, 0.01, 11 end
  current(smu, logarithmic(starti, stopi, points), stime, points)
end

function SweepIListMeasureV(smu, ilist, stime, points)
  if smu == nil then smu, ilist, stime, points = smua, {0, 1e-3}, 0.01, 2 end
  current(smu, ilist, stime, points)
end
"""

_PULSE = """
local trains = {}

-- pulses one after the other, each timed by a delay of the script
local function pulse(smu, func, set, measure, bias, level, ton, toff, points)
  local buffer = smu.nvbuffer1
  buffer.clear()
  buffer.appendmode = 1
  buffer.collecttimestamps = 1
  buffer.collectsourcevalues = 1
  smu.source.func = func
  smu.source[set] = bias
  smu.source.output = smu.OUTPUT_ON
  delay(ton)
  for _ = 1, points do
    smu.source[set] = level
    delay(ton)
    measure(buffer)
    smu.source[set] = bias
    delay(toff)
  end
  smu.source.output = smu.OUTPUT_OFF
end

function PulseIMeasureV(smu, bias, level, ton, toff, points)
  if smu == nil then smu, bias, level, ton, toff, points = smua, 0, 1e-3, 0.01, 0.01, 10 end
  pulse(smu, smu.OUTPUT_DCAMPS, "leveli", smu.measure.v, bias, level, ton, toff, points)
end

function PulseVMeasureI(smu, bias, level, ton, toff, points)
  if smu == nil then smu, bias, level, ton, toff, points = smua, 0, 1, 0.01, 0.01, 10 end
  pulse(smu, smu.OUTPUT_DCVOLTS, "levelv", smu.measure.i, bias, level, ton, toff, points)
end

local function largest(values)
  local most = 0
  for _, value in ipairs(values) do most = math.max(most, math.abs(value)) end
  return most
end

-- what stands against a train, as a message; nil when nothing does
local function objection(train)
  local smu = train.smu
  for _, name in ipairs({"bias", "limit", "ton", "toff", "points", "tag"}) do
    if type(train[name]) ~= "number" then return "the parameter " .. name .. " is not a number" end
  end
  if getmetatable(smu) == nil then return "the parameter smu is not a channel" end
  if train.ton <= 0 or train.toff <= 0 then return "ton and toff must be positive" end
  if train.points < 1 then return "points must be at least 1" end
  for _, value in ipairs(train.sourcevalues) do
    if type(value) ~= "number" or value ~= value then return "a pulse level is not a number" end
  end
  local volts = train.func == smu.OUTPUT_DCVOLTS
  if smu.source[volts and "autorangev" or "autorangei"] == smu.AUTORANGE_ON then
    return "source autorange must be off"
  end
  if largest({train.bias, largest(train.sourcevalues)}) >
     smu.source[volts and "rangev" or "rangei"] * 1.01 then
    return "a level does not fit the source range"
  end
  if train.buf ~= nil then
    if smu.measure[volts and "autorangei" or "autorangev"] == smu.AUTORANGE_ON then
      return "measure autorange must be off"
    end
    if smu.measure.autozero == smu.AUTOZERO_AUTO then return "autozero must be off or once" end
    local taken = smu.measure.nplc / localnode.linefreq * smu.measure.count
    if math.max(smu.measure.delay, 0) + taken > train.ton then
      return "the measurement does not end within ton"
    end
  end
end

local function configure(train)
  if type(train.points) == "number" and train.levels == nil then
    train.sourcevalues = {}
    for k = 1, train.points do train.sourcevalues[k] = train.level end
  elseif train.levels then
    train.sourcevalues = train.levels
  end
  local problem = objection(train)
  if problem then return false, problem end
  train.tostring = function()
    return string.format("tag = %d, bias = %g, limit = %g, ton = %g, toff = %g, points = %d",
      train.tag, train.bias, train.limit, train.ton, train.toff, train.points)
  end
  trains[train.tag] = train
  return true, "Pulse train configured"
end

local function train(func, smu, bias, limit, ton, toff, points, buf, tag, ...)
  local more = {...}
  return {
    func = func, smu = smu, bias = bias, limit = limit, ton = ton, toff = toff, points = points,
    buf = buf, tag = tag, sync_in = more[1], sync_out = more[2], sync_in_timeout = more[3] or 10,
    sync_in_abort = more[4] ~= false, sourcevalues = {},
  }
end

local function linear(start, stop, points)
  local levels = {}
  for k = 1, points do
    levels[k] = start + (stop - start) * (k - 1) / math.max(points - 1, 1)
  end
  return levels
end

local function logarithmic(start, stop, points)
  local levels = {}
  for k = 1, points do
    levels[k] = start * (stop / start) ^ ((k - 1) / math.max(points - 1, 1))
  end
  return levels
end

local function plain(func)
  return function(smu, bias, level, limit, ton, toff, points, buffer, tag, ...)
    local new = train(func, smu, bias, limit, ton, toff, points, buffer, tag, ...)
    new.level = level
    return configure(new)
  end
end

local function swept(func, spaced)
  return function(smu, bias, start, stop, limit, ton, toff, points, buffer, tag, ...)
    local new = train(func, smu, bias, limit, ton, toff, points, buffer, tag, ...)
    new.start, new.stop = start, stop
    if type(start) == "number" and type(stop) == "number" and type(points) == "number" then
      new.levels = spaced(start, stop, points)
    end
    return configure(new)
  end
end

ConfigPulseIMeasureV, ConfigPulseVMeasureI = plain(0), plain(1)
ConfigPulseIMeasureVSweepLin, ConfigPulseIMeasureVSweepLog = swept(0, linear), swept(0, logarithmic)
ConfigPulseVMeasureISweepLin, ConfigPulseVMeasureISweepLog = swept(1, linear), swept(1, logarithmic)

function QueryPulseConfig(tag) return trains[tag] end

-- the trigger model of one channel: starts at an event, ends ton later by a timer
local function prepare(one, timer)
  local smu, volts = one.smu, one.func == 1
  smu.source.func = one.func
  smu.source[volts and "levelv" or "leveli"] = one.bias
  smu.source[volts and "limiti" or "limitv"] = one.limit
  local t = smu.trigger
  if volts then t.source.listv(one.sourcevalues) else t.source.listi(one.sourcevalues) end
  t.source[volts and "limiti" or "limitv"] = one.limit
  t.source.action = smu.ENABLE
  t.endpulse.action = smu.SOURCE_IDLE
  t.endsweep.action = smu.SOURCE_IDLE
  t.count = one.points
  t.arm.count = 1
  t.arm.stimulus = 0
  trigger.timer[timer].reset()
  trigger.timer[timer].delay = one.ton
  trigger.timer[timer].count = 1
  trigger.timer[timer].stimulus = trigger.timer[1].EVENT_ID
  t.source.stimulus = trigger.timer[1].EVENT_ID
  t.endpulse.stimulus = trigger.timer[timer].EVENT_ID
  t.measure.action = smu.DISABLE
  t.measure.stimulus = 0
  if one.buf == nil then return end
  -- the reading ends with the pulse
  local taken = smu.measure.nplc / localnode.linefreq * smu.measure.count
  local wait = one.ton - taken - math.max(smu.measure.delay, 0) - 10e-6
  if volts then t.measure.i(one.buf) else t.measure.v(one.buf) end
  t.measure.action = smu.ASYNC
  if wait > 1e-6 then
    trigger.timer[timer + 1].reset()
    trigger.timer[timer + 1].delay = wait
    trigger.timer[timer + 1].count = 1
    trigger.timer[timer + 1].stimulus = trigger.timer[1].EVENT_ID
    t.measure.stimulus = trigger.timer[timer + 1].EVENT_ID
  else
    t.measure.stimulus = trigger.timer[1].EVENT_ID
  end
end

local function initiate(...)
  local tags, all = {...}, {}
  for k = 1, table.getn(tags) do
    all[k] = trains[tags[k]]
    if all[k] == nil then return false, "no pulse train has the tag " .. tostring(tags[k]) end
    if all[k].smu.source.output == 0 then return false, "the output is off" end
    local problem = objection(all[k])
    if problem then return false, problem end
  end
  local first = all[1]
  if table.getn(all) == 2 then
    local second = all[2]
    if first.smu == second.smu then return false, "both trains are of one channel" end
    if first.points ~= second.points or first.ton ~= second.ton or first.toff ~= second.toff then
      return false, "ton, toff and points of both trains must be the same"
    end
  end
  if first.sync_in or first.sync_out then
    for _, line in ipairs({first.sync_in or 0, first.sync_out or 0}) do
      if line ~= 0 and digio == nil then return false, "there is no digital I/O" end
    end
  end
  local periods, before = trigger.timer[1], errorqueue.count
  periods.reset()
  periods.delay = first.ton + first.toff
  periods.count = math.max(first.points - 1, 1)
  periods.passthrough = first.points > 1
  for k, one in ipairs(all) do prepare(one, 2 * k) end
  if first.points > 1 then
    periods.stimulus = first.smu.trigger.ARMED_EVENT_ID
  else
    periods.delay = 1e-6
    periods.stimulus = first.smu.trigger.ARMED_EVENT_ID
  end
  if first.sync_in and not digio.trigger[first.sync_in].wait(first.sync_in_timeout)
     and first.sync_in_abort then
    return false, "no trigger came on the line sync_in"
  end
  if first.sync_out then digio.trigger[first.sync_out].assert() end
  -- the second channel first: it waits for the timer that the first one starts
  for k = table.getn(all), 1, -1 do all[k].smu.trigger.initiate() end
  waitcomplete()
  if errorqueue.count > before then return false, "the train was refused; see the error queue" end
  return true, "Pulse train complete"
end

function InitiatePulseTest(tag) return initiate(tag) end
function InitiatePulseTestDual(tag1, tag2) return initiate(tag1, tag2) end
"""

_HIGH_C = """
local function lowered(smu, levelv, limiti, sourcedelay, measurei, measuredelay)
  smu.source.levelv = levelv
  smu.source.limiti = limiti
  delay(sourcedelay)
  smu.source.limiti = measurei
  delay(measuredelay)
end

function i_leakage_measure(smu, levelv, limiti, sourcedelay, measurei, measuredelay)
  lowered(smu, levelv, limiti, sourcedelay, measurei, measuredelay)
  local measured = smu.measure.i()
  smu.source.limiti = limiti
  return measured
end

function i_leakage_threshold(smu, levelv, limiti, sourcedelay, measurei, measuredelay, threshold,
                             timeout)
  lowered(smu, levelv, limiti, sourcedelay, measurei, measuredelay)
  local below, start = false, timer.measure.t()
  repeat
    below = math.abs(smu.measure.i()) < threshold
  until below or timer.measure.t() - start > timeout
  smu.source.limiti = limiti
  return below
end
"""

_PARLIB = """
-- transconductance from a linear sweep: the slope between neighbours, at each point
local function slopes(smu, x, y, points)
  local gm = {}
  for k = 1, points do
    local before, after = math.max(k - 1, 1), math.min(k + 1, points)
    gm[k] = (y[after] - y[before]) / (x[after] - x[before])
  end
  return gm
end

function gm_vsweep(smu, startv, stopv, points)
  SweepVLinMeasureI(smu, startv, stopv, 0, points)
  local buffer = smu.nvbuffer1
  return slopes(smu, buffer.sourcevalues, buffer.readings, points)
end

function gm_isweep(smu, starti, stopi, points)
  SweepILinMeasureV(smu, starti, stopi, 0, points)
  local buffer = smu.nvbuffer1
  return slopes(smu, buffer.readings, buffer.sourcevalues, points)
end
"""

#: name -> source
FACTORY_SCRIPTS = {
    "KISweep": _SWEEP,
    "KIPulse": _PULSE,
    "KIHighC": _HIGH_C,
    "KIParlib": _PARLIB,
}
