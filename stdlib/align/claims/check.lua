--- What claims refuse: arguments that would say nothing, or fail only when the claim is judged.
local options = require "perilune.options"

local check = {}

-- Errors point at the caller of the maker of a claim.
local function refuse(kind, message, ...)
  error(("align.claims.%s: "):format(kind) .. message:format(...), 4)
end

--- Whether a value is the label of a side, or a list of labels, whose sides are pooled.
--
--   > local check = require "perilune.align.claims.check"
--   > check.is_label "online", check.is_label { "online", "offline" }, check.is_label(nil), check.is_label {}
--   true	true	false	false
function check.is_label(value)
  if type(value) ~= "table" then return type(value) == "string" end
  for _, one in ipairs(value) do
    if type(one) ~= "string" then return false end
  end
  return #value > 0
end

--- Refuses sides of a claim of this kind that are no labels.
--
--   > check.labels("peak", "online", 5)
--   align.claims.peak: side 2 is 5, expected a label or a list of labels
function check.labels(kind, ...)
  for i = 1, select("#", ...) do
    local label = select(i, ...)
    if not check.is_label(label) then
      refuse(kind, "side %d is %s, expected a label or a list of labels", i, options.show(label))
    end
  end
end

--- Refuses what is no list of at least one label; `check.labels` refuses those of them that are no labels.
--
--   > check.list_of_labels("measure", "online")
--   align.claims.measure: expected a list of labels, got 'online'
function check.list_of_labels(kind, labels)
  if type(labels) ~= "table" or #labels == 0 then
    refuse(kind, "expected a list of labels, got %s", options.show(labels))
  end
end

--- Refuses what is no list of four; `check.labels` refuses those of them that are no labels.
--
--   > check.four("interaction", { "a", "b", "c" })
--   align.claims.interaction: expected a list of four labels, got 3
function check.four(kind, labels)
  if type(labels) ~= "table" then
    refuse(kind, "expected a list of four labels, got %s", options.show(labels))
  elseif #labels ~= 4 then
    refuse(kind, "expected a list of four labels, got %d", #labels)
  end
end

--- Refuses a KL that no run is measured at.
--
--   > check.kl("at_kl", 0 / 0)
--   align.claims.at_kl: kl is nan, expected a finite number of nats above 0
function check.kl(kind, kl)
  if type(kl) ~= "number" or not (kl > 0 and kl < math.huge) then
    refuse(kind, "kl is %s, expected a finite number of nats above 0", options.show(kl))
  end
end

--- Refuses a name that is no text.
--
--   > check.name("value", nil)
--   align.claims.value: name is nil, expected a text
function check.name(kind, name)
  if type(name) ~= "string" then refuse(kind, "name is %s, expected a text", options.show(name)) end
end

--- `field(point)` for a figure of this name, which refuses what is no finite number and not nil.
--
--   > check.reader("KL", function(point) return point.kl end) { kl = "2" }
--   align.claims: KL of a point is '2', expected a finite number or nil
function check.reader(name, field)
  return function(point)
    local x = field(point)
    if x ~= nil and (type(x) ~= "number" or x - x ~= 0) then
      error(("align.claims: %s of a point is %s, expected a finite number or nil"):format(
        name, options.show(x)), 0)
    end
    return x
  end
end

--- Refuses what cannot be called.
--
--   > check.callable("change", "field", nil)
--   align.claims.change: field is nil, expected a function
function check.callable(kind, argument, value)
  local meta = getmetatable(value)
  if type(value) ~= "function" and not (type(meta) == "table" and meta.__call) then
    refuse(kind, "%s is %s, expected a function", argument, options.show(value))
  end
end

local function is_claim(value)
  return type(value) == "table" and type(rawget(value, "estimate")) == "function"
end

--- Refuses what is no list of claims.
--
--   > check.list { "x" }
--   align.claims: claim 1 is 'x', expected what a function of align.claims gives
--   > check.list { name = "one", estimate = print }
--   align.claims: expected a list of claims, got one claim: put it in a list
function check.list(list)
  if is_claim(list) then
    error("align.claims: expected a list of claims, got one claim: put it in a list", 3)
  elseif type(list) ~= "table" then
    error(("align.claims: expected a list of claims, got %s"):format(options.show(list)), 3)
  end
  for i, claim in ipairs(list) do
    if not is_claim(claim) then
      error(("align.claims: claim %d is %s, expected what a function of align.claims gives"):format(
        i, options.show(claim)), 3)
    end
  end
end

--- Refuses values of a claim of this name that are no list of finite numbers.
--
--   > check.values("mine", { 0.1, math.huge })
--   align.claims: value 2 of 'mine' is inf, expected a finite number
--   > check.values("mine", nil)
--   align.claims: the values of 'mine' are nil, expected a list of numbers, one a repetition
function check.values(name, values)
  if type(values) ~= "table" then
    error(("align.claims: the values of '%s' are %s, expected a list of numbers, one a repetition"):format(
      name, options.show(values)), 0)
  end
  for i = 1, #values do
    local x = values[i]
    if type(x) ~= "number" or x - x ~= 0 then
      error(("align.claims: value %d of '%s' is %s, expected a finite number"):format(
        i, name, options.show(x)), 0)
    end
  end
end

return options.strict("align.claims.check", check)
