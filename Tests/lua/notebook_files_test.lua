--- Files that cannot be read or written by --convert, --report and .ipynb files: one line says which and why,
-- and the status is 1.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local notebooks = require "notebook_support"
local lu = require "luaunit"

local sh, write = notebooks.sh, notebooks.write

-- The command fails with this line alone after the program's name.
local function refuses(command, line)
  local text, status = sh(command)
  lu.assertEquals(text:gsub("^[^\n]*perilune: ", ""), line .. "\n", command)
  lu.assertEquals(status, 1, command)
end

TestFiles = {}

function TestFiles:setUp()
  write("s.lua", "print(1)\n")
  write("no_utf8.lua", "x = 1\n-- \xff\n")
  write("broken.ipynb", "{\n")
  write("other.ipynb", '{"nbformat": 4, "cells": [{"cell_type": "heading", "source": ""}]}')
  sh "mkdir -p folder.lua folder.ipynb"
end

function TestFiles:test_files_that_cannot_be_read()
  refuses("$P --convert no.lua -", "cannot open no.lua: No such file or directory")
  refuses("$P --convert folder.lua -", "cannot read folder.lua: Is a directory")
  refuses("$P --convert folder.ipynb -", "cannot read folder.ipynb: Is a directory")
  refuses("$P --convert no_utf8.lua -", "no_utf8.lua: line 2 is no UTF-8, which a notebook is written in")
  local broken = "broken.ipynb: no notebook: JSON, line 2: expected a name in quotes"
  refuses("$P --convert broken.ipynb -", broken)
  refuses("$P broken.ipynb", broken)
  refuses("$P --report r.html broken.ipynb", broken)
  refuses("$P other.ipynb", "other.ipynb: cell 1 is of type 'heading'; nbformat has code, markdown and raw")
  refuses("$P --report r.html no.lua", "cannot open no.lua: No such file or directory")
  refuses("$P --report r.html folder.lua", "cannot read folder.lua: Is a directory")
  lu.assertNil(notebooks.read "r.html")
end

function TestFiles:test_files_that_cannot_be_written()
  refuses("$P --convert s.lua folder.ipynb", "cannot write folder.ipynb: it is a folder")
  refuses("$P --convert s.lua no/x.ipynb", "cannot write no/x.ipynb: No such file or directory")
  refuses("$P --convert s.lua - >/dev/full", "cannot write the standard output: No space left on device")
  refuses("$P --report s.lua/r.html s.lua",
    "the report cannot be written: cannot write s.lua/r.html: Not a directory")
end

-- A disk that is full at the end: the script has run, its failure comes first, and the status is not 0.
function TestFiles:test_a_report_that_cannot_be_completed()
  local problem = "the report cannot be written: cannot write /dev/full: No space left on device\n"
  local text, status = sh "$P --report /dev/full s.lua"
  lu.assertEquals(text:gsub("[^\n]*perilune: ", ""), "1\n" .. problem)
  lu.assertEquals(status, 1)
  write("exit.lua", "print(2) os.exit(0)")
  text, status = sh "$P --report /dev/full exit.lua"
  lu.assertEquals({ text, status }, { "2\n" .. problem, 1 })
  write("error.lua", "error 'x'")
  text, status = sh "$P --report /dev/full error.lua"
  lu.assertStrContains(text, problem)
  lu.assertStrContains(text, "error.lua:1: x")
  lu.assertEquals(status, 1)
end

-- Root may do all, so that another user runs the program for root.
function TestFiles:test_files_without_permission()
  local as = sh "id -u" == "0\n" and "setpriv --reuid=65534 --regid=65534 --clear-groups $P" or "$P"
  sh "chmod 755 . && mkdir -p closed && chmod 500 closed && touch secret.lua && chmod 000 secret.lua"
  refuses(as .. " --convert secret.lua -", "cannot open secret.lua: Permission denied")
  refuses(as .. " --convert s.lua closed/s.ipynb", "cannot write closed/s.ipynb: Permission denied")
  refuses(as .. " --report closed/r.html s.lua",
    "the report cannot be written: cannot write closed/r.html: Permission denied")
end

local status = lu.LuaUnit.run()
notebooks.clean()
os.exit(status)
