// Operations of the Lua API that may raise: each runs under lua_pcall and returns a status.
#include "lua_internal.h"

int shim_protect(lua_State *L, lua_CFunction f, operands *o, int results) {
  if (!lua_checkstack(L, 4)) return SHIM_NO_STACK;
  lua_pushcfunction(L, f);
  lua_pushlightuserdata(L, o);
  return lua_pcall(L, 1, results, 0);
}

int shim_protect_on(lua_State *L, lua_CFunction f, operands *o, int index, int taken, int results) {
  if (!lua_checkstack(L, 6)) return SHIM_NO_STACK;
  index = lua_absindex(L, index);
  lua_pushcfunction(L, f);
  lua_pushlightuserdata(L, o);
  lua_pushvalue(L, index);
  if (taken > 0) lua_rotate(L, -(taken + 3), 3);
  return lua_pcall(L, taken + 2, results, 0);
}

static int op_string(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  lua_pushlstring(L, o->count ? o->bytes : "", o->count);
  return 1;
}
int shim_push_string(lua_State *L, const void *bytes, size_t count) {
  operands o = {.bytes = bytes, .count = count};
  return shim_protect(L, op_string, &o, 1);
}

static int op_table(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  lua_createtable(L, o->a, o->b);
  return 1;
}
int shim_push_table(lua_State *L, int array, int hash) {
  operands o = {.a = array, .b = hash};
  return shim_protect(L, op_table, &o, 1);
}

static int op_integers(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  const int64_t *values = o->bytes;
  lua_createtable(L, (int)o->count, 0);
  for (size_t i = 0; i < o->count; i++) {
    shim_look(L, (lua_Integer)i);
    lua_pushinteger(L, values[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}
int shim_push_integers(lua_State *L, const int64_t *values, size_t count) {
  operands o = {.bytes = values, .count = count};
  return shim_protect(L, op_integers, &o, 1);
}

static int op_numbers(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  const double *values = o->bytes;
  lua_createtable(L, (int)o->count, 0);
  for (size_t i = 0; i < o->count; i++) {
    shim_look(L, (lua_Integer)i);
    lua_pushnumber(L, values[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}
int shim_push_numbers(lua_State *L, const double *values, size_t count) {
  operands o = {.bytes = values, .count = count};
  return shim_protect(L, op_numbers, &o, 1);
}

static int op_ref(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  o->a = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}
int shim_ref(lua_State *L, int *ref) {
  operands o = {0};
  if (!lua_checkstack(L, 4)) return SHIM_NO_STACK;
  lua_pushcfunction(L, op_ref);
  lua_pushlightuserdata(L, &o);
  lua_rotate(L, -3, 2);
  int status = lua_pcall(L, 2, 0, 0);
  if (status == LUA_OK) *ref = o.a;
  return status;
}
// Writes only to a key that exists, so it never allocates and never raises.
void shim_unref(lua_State *L, int ref) {
  if (!lua_checkstack(L, 4)) return;
  int exists = lua_rawgeti(L, LUA_REGISTRYINDEX, ref) != LUA_TNIL;
  lua_pop(L, 1);
  if (exists) luaL_unref(L, LUA_REGISTRYINDEX, ref);
}
void shim_push_ref(lua_State *L, int ref) { lua_rawgeti(L, LUA_REGISTRYINDEX, ref); }

static int op_get(lua_State *L) {  // operands, table, key
  lua_gettable(L, 2);
  return 1;
}
int shim_get(lua_State *L, int index) {
  operands o = {0};
  return shim_protect_on(L, op_get, &o, index, 1, 1);
}

static int op_set(lua_State *L) {  // operands, table, key, value
  lua_settable(L, 2);
  return 0;
}
int shim_set(lua_State *L, int index) {
  operands o = {0};
  return shim_protect_on(L, op_set, &o, index, 2, 0);
}

static int op_get_global(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  lua_getglobal(L, o->bytes);
  return 1;
}
int shim_get_global(lua_State *L, const char *name) {
  operands o = {.bytes = name};
  return shim_protect(L, op_get_global, &o, 1);
}

static int op_set_global(lua_State *L) {  // value, operands
  operands *o = lua_touserdata(L, 2);
  lua_pushvalue(L, 1);
  lua_setglobal(L, o->bytes);
  return 0;
}
int shim_set_global(lua_State *L, const char *name) {
  operands o = {.bytes = name};
  if (!lua_checkstack(L, 4)) return SHIM_NO_STACK;
  lua_pushcfunction(L, op_set_global);
  lua_insert(L, -2);
  lua_pushlightuserdata(L, &o);
  return lua_pcall(L, 2, 0, 0);
}

static int op_raw_set_field(lua_State *L) {  // operands, table, value
  luaL_checktype(L, 2, LUA_TTABLE);
  operands *o = lua_touserdata(L, 1);
  lua_pushlstring(L, o->count ? o->bytes : "", o->count);
  lua_insert(L, -2);
  lua_rawset(L, 2);
  return 0;
}
int shim_raw_set_field(lua_State *L, int index, const void *key, size_t count) {
  operands o = {.bytes = key, .count = count};
  return shim_protect_on(L, op_raw_set_field, &o, index, 1, 0);
}

static int op_length(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  o->integer = luaL_len(L, 2);
  return 0;
}
int shim_length(lua_State *L, int index, int64_t *length) {
  operands o = {0};
  int status = shim_protect_on(L, op_length, &o, index, 0, 0);
  if (status == LUA_OK) *length = o.integer;
  return status;
}

static int op_next(lua_State *L) {  // operands, table, key
  luaL_checktype(L, 2, LUA_TTABLE);
  operands *o = lua_touserdata(L, 1);
  o->a = lua_next(L, 2);
  if (!o->a) {
    lua_pushnil(L);
    lua_pushnil(L);
  }
  return 2;
}
int shim_next(lua_State *L, int index, int *more) {
  operands o = {0};
  int status = shim_protect_on(L, op_next, &o, index, 1, 2);
  if (status != LUA_OK) return status;
  *more = o.a;
  if (!o.a) lua_pop(L, 2);
  return status;
}

static int op_to_string(lua_State *L) {
  luaL_tolstring(L, 2, NULL);
  return 1;
}
int shim_to_string(lua_State *L, int index) {
  operands o = {0};
  return shim_protect_on(L, op_to_string, &o, index, 0, 1);
}

static int op_load_file(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  o->a = luaL_loadfilex(L, o->bytes, shim_of(L)->is_restricted ? "t" : NULL);
  return 1;
}
int shim_load_file(lua_State *L, const char *path) {
  operands o = {.bytes = path};
  int status = shim_protect(L, op_load_file, &o, 1);
  return status == LUA_OK ? o.a : status;
}

int shim_load(lua_State *L, const void *bytes, size_t count, const char *name, const char *mode) {
  if (!lua_checkstack(L, 4)) return SHIM_NO_STACK;
  return luaL_loadbufferx(L, count ? bytes : "", count, name, shim_of(L)->is_restricted ? "t" : mode);
}
