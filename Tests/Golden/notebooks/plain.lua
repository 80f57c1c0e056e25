#!/usr/bin/env perilune
local before = 1

-- %%
--%% close to the dashes
print(before)
  -- %% indented
  print "indented"

-- %%%% sub cell
print "sub"
-- %% [markdown] key="a b" flag other=[1, 2.5, null]
--no blank
-- two

--
-- three



-- %%


