// What the C files of the Lua embedding share among themselves.
#pragma once
#include "shim_interrupt.h"
#include "shim_lua.h"
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

extern shim_callbacks shim_swift;
extern const char shim_entry_key;

static inline shim_state *shim_of(lua_State *L) { return *(shim_state **)lua_getextraspace(L); }

int shim_object_gc(lua_State *L);
void shim_hook_if_pressed_twice(lua_State *L);
void shim_interrupt_forget(shim_state *s);
// Raises the error object that Swift keeps ready.
int shim_raise_pending(lua_State *L, const char *traceback);
