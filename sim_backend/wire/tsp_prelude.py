"""The Lua half of the TSP engine: what scripts run on before the first one is loaded.

`PRELUDE` is run once in a fresh Lua 5.1 state and returns the functions that `sim_backend.wire.tsp`
calls. It takes away whatever could reach the host, bounds what a script may use, and builds the
tables through which a script sees the instrument.
"""

from sim_backend.wire.tsp_script_table import SCRIPT_TABLE

__all__ = ["PRELUDE"]

_START = r"""
local host = ...
local error, type, tostring, tonumber = error, type, tostring, tonumber
local select, setmetatable = select, setmetatable
local loadstring, pairs, unpack, rawset = loadstring, pairs, unpack, rawset
local create, resume, yield = coroutine.create, coroutine.resume, coroutine.yield
local status = coroutine.status
local concat, format = table.concat, string.format
local byte, rep = string.byte, string.rep
local sethook = debug.sethook

-- memory is bounded, so garbage must not be left lying until it has doubled
collectgarbage("setpause", 110)

-- every so many instructions the host is asked whether the script may go on
local SLICE = 10000
local stopped = false
local tick = host.tick
local stop_now = setmetatable({}, {
  __tostring = function() return "stopped" end, __metatable = "stopped",
})

local function hook()
  if not stopped and tick(SLICE) then stopped = true end
  if stopped then error(stop_now, 0) end
end

-- a script that was stopped cannot catch that and go on, nor what went wrong in the host
local function unless_stopped(fine, ...)
  if not fine and not stopped and tick(0) then stopped = true end
  if stopped then error(stop_now, 0) end
  if not fine and type((...)) == "userdata" then error((...), 0) end
  return fine, ...
end

local function guarded(body)
  local thread = create(body)
  sethook(thread, hook, "", SLICE)
  return thread
end

-- a wait that may never end yields PARK through every protected call and coroutine up to the host
local PARK = setmetatable({}, {__metatable = "park"})

local function resumed(thread, fine, first, ...)
  if fine and first == PARK and status(thread) == "suspended" then
    yield(PARK)
    return resumed(thread, resume(thread))
  end
  return unless_stopped(fine, first, ...)
end

local function protected(thread, fine, ...)
  if fine and status(thread) == "suspended" then
    return protected(thread, resume(thread, yield(...)))
  end
  return unless_stopped(fine, ...)
end

local function protected_call(f, ...)
  local thread = guarded(function(...) return f(...) end)
  return protected(thread, resume(thread, ...))
end

local function explained(handler, fine, ...)
  if fine then return true, ... end
  return false, handler(...)
end

local library = {
  pcall = protected_call,
  xpcall = function(f, handler) return explained(handler, protected_call(f)) end,
  loadstring = function(text, name)
    if type(text) ~= "string" then error("bad argument #1 to 'loadstring' (string expected)", 2) end
    if byte(text) == 27 then return nil, "compiled code is not accepted" end
    return loadstring(text, name or "=string")
  end,
}

-- what is left of the standard library (reference manual section 6, "Lua libraries")
for _, name in pairs({"io", "package", "debug", "python", "require", "module", "load", "loadfile",
                      "dofile", "newproxy", "getfenv", "setfenv"}) do
  _G[name] = nil
end
string.dump = nil
os = {time = host.time, clock = host.clock, getenv = nil}
coroutine = {
  create = guarded, yield = yield, status = status, running = coroutine.running,
  resume = function(thread, ...) return resumed(thread, resume(thread, ...)) end,
  wrap = function(body)
    local thread = guarded(body)
    local function pass(fine, ...)
      if not fine then error((...), 0) end
      return ...
    end
    return function(...) return pass(resumed(thread, resume(thread, ...))) end
  end,
}
for name, call in pairs((loadstring(host.patterns, "=patterns"))(string, 1e7)) do
  string[name] = call
end
string.gfind = string.gmatch
string.rep = function(text, count)
  if #tostring(text) * (tonumber(count) or 0) > 1e7 then error("not enough memory", 2) end
  return rep(text, count)
end
for name, value in pairs(library) do _G[name] = value end

-- numbers leave as format.asciiprecision says, everything else as Lua writes it
local emit, number_format = host.emit, host.number_format
local function text_of(value)
  if type(value) == "number" then return format(number_format(), value) end
  local text = tostring(value)
  if type(text) ~= "string" then error("'tostring' must return a string to 'print'", 3) end
  return text
end
function print(...)
  local count = select("#", ...)
  if count == 1 then return emit(text_of((...))) end
  local parts = {...}
  for k = 1, count do parts[k] = text_of(parts[k]) end
  return emit(concat(parts, "\t", 1, count))
end

-- proxy -> the host's object behind it
local behind = setmetatable({}, {__mode = "k"})

-- what a script passes, as the host gets it: numbers, strings and booleans as they are, a table
-- that stands for a host's object as that object, any other table as a list; never an object of
-- Lua's, which the host might keep longer than the coroutine it belongs to
local opaque, new_list, extend = host.opaque, host.new_list, host.extend
local plain = {["number"] = true, ["string"] = true, ["boolean"] = true, ["nil"] = true}
local CHUNK = 100
local function plain_or_opaque(value)
  if plain[type(value)] then return value end
  return opaque
end
local function listed(values)
  local list, count = new_list(), #values
  for first = 1, count, CHUNK do
    local part = {}
    local last = first + CHUNK - 1 < count and first + CHUNK - 1 or count
    for k = first, last do part[k - first + 1] = plain_or_opaque(values[k]) end
    extend(list, unpack(part, 1, last - first + 1))
  end
  return list
end
local function for_host(value)
  local kind = type(value)
  if plain[kind] then return value end
  local object = behind[value]
  if object ~= nil then return object end
  if kind == "table" then return listed(value) end
  return opaque
end

-- a host function as scripts call it
local function wrap(call)
  return function(...)
    local count = select("#", ...)
    if count == 0 then return call() end
    if count == 1 then return call(for_host((...))) end
    local arguments = {...}
    for k = 1, count do arguments[k] = for_host(arguments[k]) end
    return call(unpack(arguments, 1, count))
  end
end

-- a function that first waits until the host says it is ready; the wait may never end
local function waiting(ready, call)
  ready, call = wrap(ready), wrap(call)
  return function(...)
    while not ready(...) do yield(PARK) end
    return call(...)
  end
end

local function refuse(name, key, known)
  if known then error("cannot modify attribute '" .. name .. "." .. tostring(key) .. "'", 3) end
  error("undefined attribute '" .. name .. "." .. tostring(key) .. "'", 3)
end

-- getters, setters: attribute -> host function; objects: constants, functions and tables
local function node(name, getters, setters, objects, element, object, luatype)
  if luatype == "" then return objects end
  local proxy = {}
  local function read(_, key)
    local getter = getters[key]
    if getter then return getter() end
    if element then return element(for_host(key)) end
    return nil
  end
  local function write(_, key, value)
    local setter = setters[key]
    if setter then return setter(value) end
    refuse(name, key, objects[key] ~= nil or getters[key] ~= nil)
  end
  setmetatable(objects, {__index = read})
  setmetatable(proxy, {
    __index = objects, __newindex = write, luatype = luatype or "synchronous_table",
    Getters = getters, Setters = setters, Objects = objects,
  })
  if object ~= nil then behind[proxy] = object end
  return proxy
end

-- build a node from a flat row of values: its name, then kind, key and value of each entry up to
-- the kind "end"; the host cannot call into Lua while a script runs, but it can return such a row
local function build(...)
  local row, at = {...}, 1
  local function parse()
    local name, element, object, luatype = row[at], nil, nil, nil
    local getters, setters, objects = {}, {}, {}
    at = at + 1
    while row[at] ~= "end" do
      local kind, key, value = row[at], row[at + 1], row[at + 2]
      at = at + 3
      -- scripts get Lua functions, never an object of the host's
      if kind == "get" then getters[key] = function() return value() end
      elseif kind == "set" then
        setters[key] = function(given)
          if type(given) == "number" then return value(given) end
          return value(for_host(given))
        end
      elseif kind == "call" then objects[key] = wrap(value)
      elseif kind == "array" then getters[key] = function() return {value()} end
      elseif kind == "make" then
        local call = wrap(value)
        objects[key] = function(...)
          local function made(first, ...) if first ~= nil then return build(first, ...) end end
          return made(call(...))
        end
      elseif kind == "constant" then objects[key] = value
      elseif kind == "element" then element = value
      elseif kind == "behind" then object = value
      elseif kind == "luatype" then luatype = value
      elseif kind == "node" then
        at = at - 1
        objects[key] = parse()
        at = at + 1
      end
    end
    return node(name, getters, setters, objects, element, object, luatype)
  end
  return parse()
end

local parked = nil

-- one message or script: done, or failed with a reason, or parked until something happens
local function go_on(thread)
  local fine, reason = resume(thread)
  parked = nil
  if fine and status(thread) == "suspended" then
    if reason ~= PARK then return "failed", ":1: attempt to yield from outside a coroutine" end
    parked = thread
    return "parked"
  end
  if fine then return "done" end
  if stopped or tick(0) then return "stopped" end
  return "failed", reason
end

function makegetter(table, attribute) return function() return table[attribute] end end
function makesetter(table, attribute) return function(value) table[attribute] = value end end

"""
_REST = r"""
-- node[1] is this instrument: its tables, and below that what localnode has
local function add_node_table(names)
  local tables = {}
  for _, name in pairs(names) do tables[name] = _G[name] end
  local here = localnode
  local functions = {
    execute = function(text) return assert(loadstring(text, "="))() end,
    getglobal = function(name) return _G[name] end,
    setglobal = function(name, value) _G[name] = value end,
  }
  local proxy = setmetatable({}, {
    __index = function(_, key) return tables[key] or functions[key] or here[key] end,
    __newindex = function(_, key, value) here[key] = value end,
    luatype = "synchronous_table",
  })
  _G.node = {proxy}
end

-- thousands of functions are made at once, and none of them is garbage
local collect = collectgarbage
local function collecting(wanted) collect(wanted and "restart" or "stop") end

return {
  collecting = collecting,
  add_node_table = add_node_table,
  compile = function(text, name)
    if byte(text) == 27 then return nil, "compiled code is not accepted" end
    return loadstring(text, name)
  end,
  start = function(body)
    stopped = false
    return go_on(guarded(body))
  end,
  go_on = function() return go_on(parked) end,
  drop = function() parked = nil end,
  build = build,
  wrap = wrap,
  waiting = waiting,
  add_script = add_script,
  add_factory = add_factory,
}
"""

PRELUDE = _START + SCRIPT_TABLE + _REST
