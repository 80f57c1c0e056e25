--- A table as text: columns as wide as their longest cell, two spaces between them.
--
--   > text_table({ "at", "online" }, { { "KL 1", "0.6" } })
--   at    online
--   KL 1  0.6
return function(header, rows)
  local widths, lines = {}, {}
  for _, row in ipairs { header, table.unpack(rows) } do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, #cell) end
  end
  for _, row in ipairs { header, table.unpack(rows) } do
    local cells = {}
    for i, cell in ipairs(row) do cells[i] = cell .. (" "):rep(widths[i] - #cell) end
    lines[#lines + 1] = (table.concat(cells, "  "):gsub("%s+$", ""))
  end
  return table.concat(lines, "\n") .. "\n"
end
