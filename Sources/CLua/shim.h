// The C headers of lua5.4 (Debian: liblua5.4-dev), as one Swift module.
#pragma once
#include <lua.h>
#include <lualib.h>
#include <lauxlib.h>
