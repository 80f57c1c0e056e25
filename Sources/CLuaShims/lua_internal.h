// What the C files of the Lua embedding share. Each file uses only files above it in this list: interrupt.c, protected.c,
// reading.c, userdata.c, frames.c, locals.c, calls.c, tables.c, sort.c, strings.c, load.c, patterns.c, limits.c, state.c.
#pragma once
#include "shim_interrupt.h"
#include "shim_lua.h"
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

extern shim_callbacks shim_swift;

static inline shim_state *shim_of(lua_State *L) { return *(shim_state **)lua_getextraspace(L); }

// --- protected.c ---
// What a protected operation reads and writes. It gets the address as a light userdata, its argument 1.
typedef struct operands {
  const void *bytes;
  size_t count;
  void *object;
  int a, b;
  int64_t integer;
} operands;

int shim_protect(lua_State *L, lua_CFunction f, operands *o, int results);
// As `shim_protect`, for an operation on the `taken` values on the top and a copy of the value at `index`.
// The arguments of the operation: operands, value at index, taken values.
int shim_protect_on(lua_State *L, lua_CFunction f, operands *o, int index, int taken, int results);

// --- userdata.c ---
// A userdata of the embedding. `no_close` is always NULL: if `debug.setmetatable` gives the userdata the
// metatable of a file, the io library reads `no_close` as the function that closes the file, and NULL as
// "this file is closed".
typedef struct block {
  uint64_t magic;
  void *no_close;
  uint64_t kind;
  void *object;  // retained; NULL once closed
} block;

// The block at `index` if it is of this kind, or NULL.
block *shim_block_of_value(lua_State *L, int index);
block *shim_block_of_entry(lua_State *L, int index);
// Pushes a new block that owns nothing, with the metatable of registry reference `metatable_ref`.
block *shim_new_value(lua_State *L, int metatable_ref);
// The same for a native function's entry.
block *shim_new_entry(lua_State *L);
// Makes the metatable of the entries.
void shim_open_entries(lua_State *L);
// The __index of classes.
int shim_class_index(lua_State *L);
// Raises the error object that Swift keeps ready.
int shim_raise_pending(lua_State *L, const char *traceback);

// --- interrupt.c ---
// Sets the hook again in code that goes on after a press.
void shim_hook_if_pressed(lua_State *L);
// Raises the error of a press that waits: for loops in C, where no hook runs.
void shim_raise_if_pressed(lua_State *L);
// Turns of such a loop between two looks at the flag of Ctrl-C: well below a millisecond.
enum { TURNS_BETWEEN_LOOKS = 1 << 14 };
static inline void shim_look(lua_State *L, lua_Integer turn) {
  if (turn % TURNS_BETWEEN_LOOKS == 0) shim_raise_if_pressed(L);
}
void shim_interrupt_forget(shim_state *s);

// --- locals.c ---
// Copies the locals of the chunk that failed to the session, before its frame is gone.
void shim_keep_locals_of_failed_chunk(lua_State *L);

// --- tables.c ---
// Argument `i` is a table, or has the metamethods that stand for what is done with it.
enum { TABLE_READ = 1, TABLE_WRITE = 2, TABLE_LENGTH = 4 };
void shim_check_table(lua_State *L, int i, int what);

// Functions of Lua's libraries that Ctrl-C can end. Lua's own loop in C as often as their arguments say, over missing elements
// too, and no hook runs meanwhile.
extern const luaL_Reg shim_tables[];    // table.concat, insert, move, remove
extern const luaL_Reg shim_sort[];      // table.sort
extern const luaL_Reg shim_strings[];   // string.rep
extern const luaL_Reg shim_loaders[];   // load
extern const luaL_Reg shim_patterns[];  // string.find, gmatch, gsub, match
