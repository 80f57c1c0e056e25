// Lists read in bulk, without raising and without a Swift value for each element. The result is 0, the position of the first
// element that does not fit, or SHIM_CUT after Ctrl-C.
#include "lua_internal.h"

static int is_pressed(size_t i) { return i % TURNS_BETWEEN_LOOKS == 0 && shim_interrupt_pending(); }

int64_t shim_read_integers(lua_State *L, int index, int64_t *out, size_t count) {
  index = lua_absindex(L, index);
  if (!lua_istable(L, index) || !lua_checkstack(L, 1)) return 1;
  for (size_t i = 0; i < count; i++) {
    int fits = 0;
    if (is_pressed(i)) return SHIM_CUT;
    if (lua_rawgeti(L, index, (lua_Integer)i + 1) == LUA_TNUMBER) out[i] = lua_tointegerx(L, -1, &fits);
    lua_pop(L, 1);
    if (!fits) return (int64_t)i + 1;
  }
  return 0;
}

int64_t shim_read_numbers(lua_State *L, int index, double *out, size_t count) {
  index = lua_absindex(L, index);
  if (!lua_istable(L, index) || !lua_checkstack(L, 1)) return 1;
  for (size_t i = 0; i < count; i++) {
    if (is_pressed(i)) return SHIM_CUT;
    int is_number = lua_rawgeti(L, index, (lua_Integer)i + 1) == LUA_TNUMBER;
    if (is_number) out[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
    if (!is_number) return (int64_t)i + 1;
  }
  return 0;
}

// A list that a table can hold has an element of 16 bytes in memory for each position. A table made of powers
// of two has a length of up to 2^63 without it.
int64_t shim_list_length(lua_State *L, int index) {
  if (!lua_istable(L, index)) return 0;
  lua_Unsigned length = lua_rawlen(L, index);
  return length <= shim_of(L)->used_bytes / 16 ? (int64_t)length : -1;
}
