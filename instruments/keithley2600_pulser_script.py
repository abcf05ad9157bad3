"""The part of the driver that runs inside a 2601B-PULSE besides `instruments.keithley2600_script`.

It is loaded after that script and takes its place where a program is one of the pulser
(``labctl_pulse`` was sent for it). The pulser is enabled for the time of a program only: between
two programs the channel is the source-meter with its output off, whatever happened.

Facts of the instrument that shape it (2601B-PULSE-901-01 Rev. A, April 2020, pages 4-4 and 11-212
to 11-218, and the maker's examples):

- limits do not act while the pulser is enabled, protection levels do: they are set and read back
  before the output goes on, and a sign of life tells whether one has ended a pulse;
- the bias current is ``smua.source.leveli``;
- a delay of zero leaves the beginning of a measurement to the measure event, and a width of zero
  the end of a pulse to the end-pulse event (the second is to be checked);
- autorange and autozero have no part in it.
"""

__all__ = ["PULSER_SCRIPT"]

PULSER_SCRIPT = """
loadscript labctl_pulser
labctl_source_run = labctl_run

-- make program n one of the pulser
function labctl_pulse(n, pulses) labctl_programs[n].pulses = pulses end

function labctl_same(what, is, asked)
  if labctl_differs(is, asked) then
    error(string.format("%s of the pulser reads back as %g, not %g", what, is, asked), 0)
  end
end

-- only the timers that are needed: a pulse of 10 us is read sooner than a timer can wait
function labctl_pulser_timers(c, p)
  for n = 1, 4 do trigger.timer[n].reset() end
  local start = c.smu.trigger.ARMED_EVENT_ID
  if p.count > 1 then
    labctl_timer(1, p.lists.periods, start, p.count - 1)
    start = trigger.timer[1].EVENT_ID
  end
  if p.pulses.width == 0 then labctl_timer(2, p.lists.widths, start, 1) end
  if c.offsets and p.pulses.delay == 0 then
    labctl_timer(c.timer, p.lists[c.offsets], start, 1)
  end
  return start
end

-- settings; the output is off, and the pulser enabled
function labctl_pulser_set(c, p)
  local s, t, u = c.smu, c.smu.trigger, p.pulses
  s.source.leveli = 0
  s.sense = p.sense
  s.pulser.rangei = c.range
  s.pulser.rangev = u.rangev
  s.pulser.protect.sensev = c.limit
  s.pulser.protect.sourcev = u.force
  s.pulser.measure.aperture = u.aperture
  s.pulser.measure.delay = u.delay
  t.count = p.count
  t.source.pulsewidth = u.width
  if u.width > 0 then t.endpulse.stimulus = 0 end
  t.measure.action = s.DISABLE
  t.measure.stimulus = 0
  if c.offsets and u.delay > 0 then
    t.measure.action = s.ENABLE
  elseif c.offsets then
    t.measure.stimulus = trigger.timer[c.timer].EVENT_ID
    t.measure.action = s.ASYNC
  end
  if c.levels then
    t.source.listi(p.lists[c.levels])
    t.source.stimulus = labctl_pulser_timers(c, p)
  end
  s.nvbuffer1.timestampresolution = p.resolution
end

-- a last look before the output goes on
function labctl_pulser_look(c, p)
  local s, u = c.smu, p.pulses
  if s.pulser.enable ~= s.ENABLE or s.source.leveli ~= 0 then
    error("the pulser is not enabled at a bias of 0 A", 0)
  end
  labctl_same("the range", s.pulser.rangei, c.range)
  labctl_same("the voltage range", s.pulser.rangev, u.rangev)
  labctl_same("the protection of the sense terminals", s.pulser.protect.sensev, c.limit)
  labctl_same("the protection of the force terminals", s.pulser.protect.sourcev, u.force)
  labctl_same("the aperture", s.pulser.measure.aperture, u.aperture)
  labctl_same("the delay", s.pulser.measure.delay, u.delay)
  labctl_same("the pulse width", s.trigger.source.pulsewidth, u.width)
  if errorqueue.count > 0 then error("the settings were refused", 0) end
end

function labctl_pulser_tripped(c)
  if c.smu.pulser.protect.tripped then
    error(string.format("the protection of the pulser has ended a pulse: more than %g V were " ..
                        "needed, or the duty cycle was exceeded", c.limit), 0)
  end
end

function labctl_pulser_sweep(c, p)
  local s = c.smu
  labctl_now = {}
  labctl_fix(s)
  s.pulser.enable = s.ENABLE
  labctl_pulser_set(c, p)
  labctl_pulser_look(c, p)
  s.source.output = s.OUTPUT_ON
  delay(p.settle)
  labctl_rest(p.lead, p.beat, -1)
  local t0, sent, left = labctl_start(p), 0, p.span
  while left > p.beat do
    labctl_delay(p.beat)
    labctl_pulser_tripped(c)
    sent = labctl_send(p, sent, labctl_taken(p))
    labctl_say("running", t0)
    left = t0 + p.span - timer.measure.t()
  end
  waitcomplete()
  local tripped = s.pulser.protect.tripped
  s.source.output = s.OUTPUT_OFF
  if tripped then labctl_pulser_tripped(c) end
  labctl_send(p, sent, p.count)
  return t0
end

-- be the source-meter again, with the output off
function labctl_pulser_leave(s)
  if s.pulser.enable == s.DISABLE then return end
  s.abort()
  s.source.leveli = 0
  s.source.output = s.OUTPUT_OFF
  s.pulser.enable = s.DISABLE
  s.pulser.measure.delay = 0
  s.trigger.source.pulsewidth = 0
  labctl_now = {}
end

function labctl_run(p)
  labctl_pulser_leave(smua)
  if not p.pulses or p.count == 0 then return labctl_source_run(p) end
  if format.asciiprecision ~= 13 then
    error("somebody has brought its settings to their defaults since they were set", 0)
  end
  trigger.clear()
  labctl_heard = timer.measure.t()
  local c = p.channels[1]
  local fine, result = pcall(labctl_pulser_sweep, c, p)
  labctl_pulser_leave(c.smu)
  if not fine then error(result, 0) end
  labctl_rest(p.trail, p.beat, result)
  labctl_say("done", result)
end
endscript
"""
