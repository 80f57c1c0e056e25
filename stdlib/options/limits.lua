--- The largest values of options that reach a size: what no machine holds is refused where it is given.
--
-- The refusal has the name of the option. Without one an allocation, an overflow of a sum or a loop of hours
-- comes first, and names another option or none.
--
--   > local limits = require "perilune.options.limits"
--   > limits.tokens, limits.repetitions
--   1048576	900
local limits = {}

--- Tokens of a prompt or a response. A prompt with two responses is below the 2^24 that a model may read.
limits.tokens = 1 << 20

--- The width of a model, and its layers.
limits.width, limits.layers = 1 << 16, 1 << 10

--- Prompts, pairs, texts, records, and rows of a batch. The draws of the bootstrap number prompts by 24 bits.
limits.rows = 1 << 24

--- Optimiser steps of a run: runs, repetitions and checkpoints times steps stay far below 2^63.
limits.steps = 1000000000

--- Seeds of a repetition, and repetitions: seed s of repetition r is number 1000 (r - 1) + s. Those from 901
-- on are of calibration.
limits.repetitions = 900

--- Costs and weights of a gold: sums and squares of a text's scores stay finite.
limits.weight = 1000000

--- Processes at once.
limits.processes = 1 << 12

return require "perilune.options".strict("options.limits", limits)
