-- -*- coding: utf-8 -*-
-- ---
-- jupyter:
--   jupytext:
--     cell_metadata_json: true
--     text_representation:
--       extension: .lua
--       format_name: percent
--       format_version: '1.3'
--       jupytext_version: 1.19.6
--   kernelspec:
--     display_name: Perilune
--     language: lua
--     name: perilune
-- ---

-- %% [markdown]
-- # A title
--
-- Text with `code` and ünïcode.

-- %% {"tags": ["parameters"]}
local beta, steps = 0.1, 10

-- %% The sum, explained {"n": 3, "tags": ["hide-input", "x"]}
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

-- %% A note [md]
-- as md

-- %%
-- only a comment
