--- Text without the blanks around it. A pattern such as `^%s*(.*%S)` takes quadratic time on blanks alone.
--
--   > local trimmed = require "perilune.trimmed"
--   > trimmed "  a b \n" .. "|" .. trimmed " "
--   a b|
return function(text)
  local first = text:find "%S"
  return first and text:match("^(.*%S)", first) or ""
end
