--- The commands of the bench's processes: ours, and those of the peers.
local folder = debug.getinfo(1, "S").source:match "^@(.*)/" or "."
local processes = dofile(folder .. "/processes.lua")
local quoted <const>, output_of <const> = processes.quoted, processes.output_of

--- Commands for the options of table.lua and the path of our program: { pinned, ours, peer }.
return function(o, program)
  local commands = {}

  --- Pins a command to as many cores as are asked for, where there are more: XLA has no other setting.
  commands.pinned = ""
  if o.threads < (math.tointeger(output_of "nproc") or o.threads) then
    commands.pinned = ("taskset -c 0-%d "):format(o.threads - 1)
  end

  --- Settings that pin OpenBLAS to a kernel are for us: NumPy's own copy chooses its kernel.
  local unset = ""
  for name in output_of("env"):gmatch "%f[^\n\0](OPENBLAS_[%w_]+)=" do unset = unset .. " -u " .. name end

  --- Our script with a row: a function of the case.
  function commands.ours(script, what, threads)
    return function(case)
      local text = "%s%s %s/%s.lua --what %s --case %s --data %s --model %s --folder %s --threads %d"
      return text:format(commands.pinned, quoted(program), folder, script, what, case, quoted(o.data),
        quoted(o.model), quoted(o.folder), threads or o.threads)
    end
  end

  --- A peer's script with a row: a function of the case.
  function commands.peer(script, what)
    return function(case)
      local text = "%senv%s %s %s/peers/%s.py --what %s --case %s --data %s --model %s --folder %s"
        .. " --threads %d"
      return text:format(commands.pinned, unset, quoted(o.python), folder, script, what, case, quoted(o.data),
        quoted(o.model), quoted(o.folder), o.threads)
    end
  end

  return commands
end
