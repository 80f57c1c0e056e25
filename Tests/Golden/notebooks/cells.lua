-- ---
-- jupyter:
--   kernelspec:
--     display_name: Perilune
--     language: lua
--     name: perilune
-- ---

-- %% [markdown]
-- # A title
--
-- Text with `code` and ünïcode.

-- %% tags=["parameters"]
local beta, steps = 0.1, 10

-- %% The sum, explained n=3 tags=["hide-input", "x"]
print(beta)


-- %%
-- %time foo()
  -- indented
print(2)
-- %% [raw]
-- raw text

-- %% {"slideshow": {"slide_type": "slide"}}
local t = {
  1,

  2,
}

-- %% [md] A note
-- as md

-- %%
-- only a comment
