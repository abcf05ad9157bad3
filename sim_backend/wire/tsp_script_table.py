"""The part of the Lua prelude that keeps scripts: ``script.*`` and what each script offers.

It uses the locals of `sim_backend.wire.tsp_prelude`, between whose two halves it stands.
"""

__all__ = ["SCRIPT_TABLE"]

SCRIPT_TABLE = r"""
-- scripts (reference manual section 6): named ones are global variables and can be called
local refused = host.refused
local scripts, saved = {}, {}
script = {user = {scripts = scripts}}

local function add_script(name, source, body)
  local object = {name = name, source = source, autorun = "no"}
  local allowed = {name = true, autorun = true}
  local proxy = setmetatable({}, {
    __index = object, luatype = "script",
    __newindex = function(_, key, value)
      if not allowed[key] then refuse(name, key, object[key] ~= nil) end
      if type(value) ~= "string" then return refused(-104) end
      object[key] = value
    end,
    __call = function(_, ...) return body(...) end,
  })
  object.run = function() return body() end
  object.save = function(path)
    if path ~= nil then return refused(1100) end
    if object.name == "" then return refused(-292) end
    saved[object.name] = proxy
  end
  object.list = function() print(source) end
  if name == "" then
    rawset(script, "anonymous", proxy)
  else
    scripts[name] = proxy
    _G[name] = proxy
  end
  return proxy
end

function script.new(source, name)
  local body, problem = library.loadstring(source, "=")
  if not body then return refused(-285, tostring(problem)) end
  return add_script(name or "", source, body)
end

function script.delete(name)
  if scripts[name] == nil and saved[name] == nil then return refused(-292) end
  scripts[name], saved[name] = nil, nil
end

function script.run(...) return script.anonymous(...) end
run = script.run

function script.newautorun(source, name)
  local made = script.new(source, name)
  if made then
    made.autorun = "yes"
    made.run()
  end
  return made
end

-- without a drive in the port there is no file, and what was saved is what is loaded already
function script.load() return refused(1100) end
function script.restore(name)
  if saved[name] == nil then return refused(-292) end
  scripts[name], _G[name] = saved[name], saved[name]
end

local function names(of)
  return function()
    local list = {}
    for name in pairs(of) do list[#list + 1] = name end
    table.sort(list)
    local at = 0
    return function()
      at = at + 1
      return list[at]
    end
  end
end
script.user.catalog = names(saved)

-- factory scripts are no variables, and their functions are there from the start
local factory = {}
script.factory = {scripts = factory, catalog = names(factory)}
local function add_factory(name, source, body)
  local object = {
    name = name, source = source, run = function() return body() end,
    list = function() print(source) end,
  }
  factory[name] = setmetatable({}, {
    __index = object, __newindex = function(_, key) refuse(name, key, object[key] ~= nil) end,
    luatype = "script", __call = function() return body() end,
  })
end

"""
