"""Lua's string patterns for scripts: matched in Lua where the library might take for ever.

Lua 5.1's own matcher is one call that nothing can interrupt, and a pattern such as ``.-.-.-x``
backtracks over every way to divide a string: (length + 1) ** (repetitions + 1) steps at worst.
Where that is little the library matches. Where it is much the same rules (Lua 5.1 Reference Manual,
section 5.4.1) are followed here, in Lua, whose instructions are counted: such a script can be
aborted, and one that does not come to an end is ended like any other.

`PATTERNS` is a chunk; called with Lua's ``string`` table it returns a table of replacements for
``find``, ``match``, ``gmatch`` and ``gsub``, and ``slow``, the same without the library.
"""

__all__ = ["PATTERNS"]

PATTERNS = r"""
local library, LITTLE = ...
local byte, sub, len, format = library.byte, library.sub, library.len, library.format
local native_find, native_match = library.find, library.match
local native_gmatch, native_gsub = library.gmatch, library.gsub
local error, type, tostring, unpack, select = error, type, tostring, unpack, select
local insert, concat = table.insert, table.concat
local POSITION, OPEN = -2, -1  -- lengths of captures that have none
local MOST_CAPTURES, LONGEST_SEARCH = 32, 1e9

-- how many steps the library may take, as a bound
local function little(text, pattern)
  if len(pattern) > 1000 then return false end
  local _, repetitions = native_gsub(pattern, "[%*%+%-%?]", "")
  local _, pairs_ = native_gsub(pattern, "%%[b%d]", "")
  local steps = 1
  for _ = 0, repetitions + pairs_ do
    steps = steps * (len(text) + 1)
    if steps > LITTLE then return false end
  end
  return true
end

local function item_end(pattern, at)
  local first = byte(pattern, at)
  at = at + 1
  if first == 37 then  -- %
    if at > len(pattern) then error("malformed pattern (ends with '%')", 0) end
    return at + 1
  end
  if first == 91 then  -- [
    if byte(pattern, at) == 94 then at = at + 1 end
    repeat
      if at > len(pattern) then error("malformed pattern (missing ']')", 0) end
      local inside = byte(pattern, at)
      at = at + 1
      if inside == 37 then at = at + 1 end
    until byte(pattern, at) == 93
    return at + 1
  end
  return at
end

-- whether one character is what one item stands for; a single item is safe for the library
local function fits(text, at, pattern, from, to)
  if at > len(text) then return false end
  local first = byte(pattern, from)
  if first == 46 then return true end  -- .
  if to - from == 1 then return byte(text, at) == first end
  return native_find(sub(text, at, at), sub(pattern, from, to - 1)) ~= nil
end

local function matcher(text, pattern)
  local starts, lengths, level = {}, {}, 0
  local last, stop = len(text), len(pattern)
  local go

  local function open(at, from, length)
    if level >= MOST_CAPTURES then error("too many captures", 0) end
    level = level + 1
    starts[level], lengths[level] = at, length
    local found = go(at, from)
    if not found then level = level - 1 end
    return found
  end

  local function close(at, from)
    for k = level, 1, -1 do
      if lengths[k] == OPEN then
        lengths[k] = at - starts[k]
        local found = go(at, from)
        if not found then lengths[k] = OPEN end
        return found
      end
    end
    error("invalid pattern capture", 0)
  end

  local function balanced(at, from)
    local left, right = byte(pattern, from), byte(pattern, from + 1)
    if not right then error("unbalanced pattern", 0) end
    if byte(text, at) ~= left then return nil end
    local depth = 1
    for k = at + 1, last do
      local c = byte(text, k)
      if c == right then
        depth = depth - 1
        if depth == 0 then return k + 1 end
      elseif c == left then
        depth = depth + 1
      end
    end
  end

  local function captured(digit)
    local k = digit - 48
    if k < 1 or k > level or lengths[k] == OPEN then error("invalid capture index", 0) end
    if lengths[k] == POSITION then return nil end
    return sub(text, starts[k], starts[k] + lengths[k] - 1)
  end

  local function frontier(at, from)
    if byte(pattern, from) ~= 91 then error("missing '[' after '%f' in pattern", 0) end
    local to = item_end(pattern, from)
    local set = sub(pattern, from, to - 1)
    local function inside(k)
      local c = k >= 1 and k <= last and sub(text, k, k) or "\0"
      return native_find(c, native_gsub(set, "%z", "%%z")) ~= nil
    end
    if inside(at - 1) or not inside(at) then return nil end
    return to
  end

  local function most(at, from, to)
    local count = 0
    while fits(text, at + count, pattern, from, to) do count = count + 1 end
    while count >= 0 do
      local found = go(at + count, to + 1)
      if found then return found end
      count = count - 1
    end
  end

  local function least(at, from, to)
    while true do
      local found = go(at, to + 1)
      if found then return found end
      if not fits(text, at, pattern, from, to) then return nil end
      at = at + 1
    end
  end

  function go(at, from)
    while from <= stop do
      local c, after = byte(pattern, from, from + 1)
      if c == 40 then  -- (
        if after == 41 then return open(at, from + 2, POSITION) end
        return open(at, from + 1, OPEN)
      elseif c == 41 then  -- )
        return close(at, from + 1)
      elseif c == 36 and from == stop then  -- $
        return at == last + 1 and at or nil
      elseif c == 37 and after == 98 then  -- %b
        at = balanced(at, from + 2)
        if not at then return nil end
        from = from + 4
      elseif c == 37 and after == 102 then  -- %f
        from = frontier(at, from + 2)
        if not from then return nil end
      elseif c == 37 and after and after >= 48 and after <= 57 then
        local earlier = captured(after)
        if not earlier or sub(text, at, at + len(earlier) - 1) ~= earlier then return nil end
        at, from = at + len(earlier), from + 2
      else
        local to = item_end(pattern, from)
        local times = byte(pattern, to)
        if times == 42 then return most(at, from, to) end  -- *
        if times == 45 then return least(at, from, to) end  -- -
        local fine = fits(text, at, pattern, from, to)
        if times == 43 then return fine and most(at + 1, from, to) or nil end  -- +
        if times == 63 then  -- ?
          if fine then
            local found = go(at + 1, to + 1)
            if found then return found end
          end
          from = to + 1
        else
          if not fine then return nil end
          at, from = at + 1, to
        end
      end
    end
    return at
  end

  -- the captures as values; the whole match where there are none
  local function captures(from, to, whole)
    if level == 0 then return whole and {sub(text, from, to)} or {}, whole and 1 or 0 end
    local values = {}
    for k = 1, level do
      if lengths[k] == OPEN then error("unfinished capture", 0) end
      values[k] = lengths[k] == POSITION and starts[k]
        or sub(text, starts[k], starts[k] + lengths[k] - 1)
    end
    return values, level
  end

  return function(at, from) level = 0 return go(at, from) end, captures
end

local function starting(text, init)
  init = tonumber(init) or 1
  if init < 0 then init = len(text) + init + 1 end
  return init < 1 and 1 or init
end

-- the first match: its ends and captures
local function first(text, pattern, init)
  local try, captures = matcher(text, pattern)
  local anchored = byte(pattern, 1) == 94
  local from = anchored and 2 or 1
  for at = init, anchored and init or len(text) + 1 do
    local after = try(at, from)
    if after then return at, after - 1, captures end
  end
end

local slow = {}

function slow.find(text, pattern, init)
  init = starting(text, init)
  if init > len(text) + 1 then init = len(text) + 1 end
  local from, to, captures = first(text, pattern, init)
  if not from then return nil end
  local values, count = captures(from, to, false)
  return from, to, unpack(values, 1, count)
end

function slow.match(text, pattern, init)
  init = starting(text, init)
  if init > len(text) + 1 then init = len(text) + 1 end
  local from, to, captures = first(text, pattern, init)
  if not from then return nil end
  local values, count = captures(from, to, true)
  return unpack(values, 1, count)
end

function slow.gmatch(text, pattern)
  local try, captures = matcher(text, pattern)
  local at = 1
  return function()
    while at <= len(text) + 1 do
      local from, after = at, try(at, 1)
      if after then
        at = after == from and after + 1 or after
        local values, count = captures(from, after - 1, true)
        return unpack(values, 1, count)
      end
      at = at + 1
    end
  end
end

-- what a match is replaced by
local function replaced(replacement, whole, values)
  local kind, value = type(replacement), nil
  if kind == "function" then
    value = replacement(unpack(values))
  elseif kind == "table" then
    value = replacement[values[1]]
  else
    return (native_gsub(replacement, "%%(.?)", function(c)
      if c == "0" then return whole end
      local k = tonumber(c)
      if not k then return c end
      if values[k] == nil then error("invalid capture index", 0) end
      return tostring(values[k])
    end))
  end
  if not value then return whole end
  if type(value) ~= "string" and type(value) ~= "number" then
    error("invalid replacement value (a " .. type(value) .. ")", 0)
  end
  return tostring(value)
end

function slow.gsub(text, pattern, replacement, most)
  local try, captures = matcher(text, pattern)
  local anchored = byte(pattern, 1) == 94
  local parts, at, count = {}, 1, 0
  while count < (most or len(text) + 1) do
    local after = try(at, anchored and 2 or 1)
    if after then
      count = count + 1
      local values = captures(at, after - 1, true)
      insert(parts, replaced(replacement, sub(text, at, after - 1), values))
    end
    if after and after > at then
      at = after
    elseif at <= len(text) then
      insert(parts, sub(text, at, at))
      at = at + 1
    else
      break
    end
    if anchored then break end
  end
  insert(parts, sub(text, at))
  return concat(parts), count
end

-- the library where it is quick or its own complaint about the arguments is wanted
local function safe(name, native)
  return function(text, pattern, ...)
    if type(text) == "number" then text = tostring(text) end
    if type(pattern) == "number" then pattern = tostring(pattern) end
    if type(text) ~= "string" or type(pattern) ~= "string" or little(text, pattern) then
      return native(text, pattern, ...)
    end
    if name == "find" then
      local plain = select(2, ...) or not native_find(pattern, "[%^%$%*%+%?%.%(%[%%%-]")
      if plain then
        if len(text) * len(pattern) > LONGEST_SEARCH then error("not enough memory", 0) end
        return native(text, pattern, (...), true)
      end
    end
    return slow[name](text, pattern, ...)
  end
end

return {
  find = safe("find", native_find), match = safe("match", native_match),
  gmatch = safe("gmatch", native_gmatch), gsub = safe("gsub", native_gsub),
}, slow
"""
