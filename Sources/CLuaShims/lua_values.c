// Values across the border: userdata that own Swift objects, native functions, and every raising operation behind a pcall.
#include "lua_internal.h"
#include <stdio.h>
#include <string.h>

// --- userdata ---------------------------------------------------------------------------------------------------------------
// A userdata of ours is known by its size and its first words, not by its metatable: `debug.setmetatable` cannot forge one.
typedef struct block {
  uint64_t magic[2];
  void *object;  // retained; NULL once closed
} block;

static const uint64_t magic = 0x7065726963656e74, magic_value = 0xa5c3f00d51f7e0b1, magic_entry = 0x5e1fca1183d29b47;
const char shim_entry_key = 0;

static block *block_of(lua_State *L, int index, uint64_t kind) {
  if (lua_type(L, index) != LUA_TUSERDATA || lua_rawlen(L, index) != sizeof(block)) return NULL;
  block *b = lua_touserdata(L, index);
  return b->magic[0] == magic && b->magic[1] == kind ? b : NULL;
}

static block *block_at(lua_State *L, int index) { return block_of(L, index, magic_value); }

static block *new_block(lua_State *L, uint64_t kind) {
  block *b = lua_newuserdatauv(L, sizeof *b, 0);
  b->magic[0] = magic;
  b->magic[1] = kind;
  b->object = NULL;
  return b;
}

void *shim_object(lua_State *L, int index) {
  block *b = block_at(L, index);
  return b ? b->object : NULL;
}

int shim_is_closed_object(lua_State *L, int index) {
  block *b = block_at(L, index);
  return b != NULL && b->object == NULL;
}

void shim_close_object(lua_State *L, int index) {
  block *b = block_at(L, index);
  if (b == NULL || b->object == NULL) return;
  void *object = b->object;
  b->object = NULL;
  shim_swift.release(object);
}

// Both `__gc` and `__close`: the second call finds nothing to do.
int shim_object_gc(lua_State *L) {
  block *b = block_at(L, 1);
  if (b == NULL) b = block_of(L, 1, magic_entry);
  if (b != NULL && b->object != NULL) {
    void *object = b->object;
    b->object = NULL;
    shim_swift.release(object);
  }
  return 0;
}

static int object_eq(lua_State *L) {
  block *a = block_at(L, 1), *b = block_at(L, 2);
  lua_pushboolean(L, a != NULL && b != NULL && a->object != NULL && a->object == b->object);
  return 1;
}

// --- native functions ---------------------------------------------------------------------------------------------------------
int shim_raise_pending(lua_State *L, const char *traceback) {
  shim_state *s = shim_of(L);
  block *b = new_block(L, magic_value);
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->error_class);
  lua_setmetatable(L, -2);
  b->object = shim_swift.take_error(s->owner, traceback);
  return lua_error(L);
}

static int native(lua_State *L) {
  block *b = block_of(L, lua_upvalueindex(1), magic_entry);
  shim_state *s = shim_of(L);
  if (b == NULL || b->object == NULL) return luaL_error(L, "native function used while the state is closing");
  lua_State *before = s->current;
  s->current = L;
  int results = shim_swift.call(L, s->owner, b->object);
  s->current = before;
  shim_hook_if_pressed_twice(L);
  if (results >= 0) return results;
  if (results == SHIM_RAISE_TOP) return lua_error(L);
  lua_settop(L, 0);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  luaL_traceback(L, L, NULL, 0);
  return shim_raise_pending(L, lua_tostring(L, 1));
}

// --- protected operations -------------------------------------------------------------------------------------------------------
// Each is a C function that takes its operands as a light userdata, and a caller that runs it under lua_pcall.
typedef struct operands {
  const void *bytes;
  size_t count;
  void *object;
  int a, b;
  int64_t integer;
} operands;

static int protect(lua_State *L, lua_CFunction f, operands *o, int results) {
  if (!lua_checkstack(L, 4)) return SHIM_NO_STACK;
  lua_pushcfunction(L, f);
  lua_pushlightuserdata(L, o);
  return lua_pcall(L, 1, results, 0);
}

// As `protect`, for an operation on the `taken` values on the top and a copy of the value at `index`.
// The operation sees: operands, value at index, taken values.
static int protect_on(lua_State *L, lua_CFunction f, operands *o, int index, int taken, int results) {
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
  return protect(L, op_string, &o, 1);
}

static int op_object(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  block *b = new_block(L, magic_value);
  lua_rawgeti(L, LUA_REGISTRYINDEX, o->a);
  lua_setmetatable(L, -2);
  b->object = o->object;
  return 1;
}
int shim_push_object(lua_State *L, void *object, int metatable_ref) {
  operands o = {.object = object, .a = metatable_ref};
  return protect(L, op_object, &o, 1);
}

static int op_function(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  block *b = new_block(L, magic_entry);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &shim_entry_key);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, native, 1);
  b->object = o->object;  // last: before, an error would leave two owners
  return 1;
}
int shim_push_function(lua_State *L, void *entry) {
  operands o = {.object = entry};
  return protect(L, op_function, &o, 1);
}

static int op_table(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  lua_createtable(L, o->a, o->b);
  return 1;
}
int shim_push_table(lua_State *L, int array, int hash) {
  operands o = {.a = array, .b = hash};
  return protect(L, op_table, &o, 1);
}

static int op_integers(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  const int64_t *values = o->bytes;
  lua_createtable(L, (int)o->count, 0);
  for (size_t i = 0; i < o->count; i++) {
    lua_pushinteger(L, values[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}
int shim_push_integers(lua_State *L, const int64_t *values, size_t count) {
  operands o = {.bytes = values, .count = count};
  return protect(L, op_integers, &o, 1);
}

static int op_numbers(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  const double *values = o->bytes;
  lua_createtable(L, (int)o->count, 0);
  for (size_t i = 0; i < o->count; i++) {
    lua_pushnumber(L, values[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}
int shim_push_numbers(lua_State *L, const double *values, size_t count) {
  operands o = {.bytes = values, .count = count};
  return protect(L, op_numbers, &o, 1);
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
// Writes only to keys that exist, so it never allocates and never raises.
void shim_unref(lua_State *L, int ref) {
  if (lua_checkstack(L, 4)) luaL_unref(L, LUA_REGISTRYINDEX, ref);
}
void shim_push_ref(lua_State *L, int ref) { lua_rawgeti(L, LUA_REGISTRYINDEX, ref); }

static int op_get(lua_State *L) {  // operands, table, key
  lua_gettable(L, 2);
  return 1;
}
int shim_get(lua_State *L, int index) {
  operands o = {0};
  return protect_on(L, op_get, &o, index, 1, 1);
}

static int op_set(lua_State *L) {  // operands, table, key, value
  lua_settable(L, 2);
  return 0;
}
int shim_set(lua_State *L, int index) {
  operands o = {0};
  return protect_on(L, op_set, &o, index, 2, 0);
}

static int op_get_global(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  lua_getglobal(L, o->bytes);
  return 1;
}
int shim_get_global(lua_State *L, const char *name) {
  operands o = {.bytes = name};
  return protect(L, op_get_global, &o, 1);
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
  operands *o = lua_touserdata(L, 1);
  lua_pushlstring(L, o->count ? o->bytes : "", o->count);
  lua_insert(L, -2);
  lua_rawset(L, 2);
  return 0;
}
int shim_raw_set_field(lua_State *L, int index, const void *key, size_t count) {
  operands o = {.bytes = key, .count = count};
  return protect_on(L, op_raw_set_field, &o, index, 1, 0);
}

static int op_length(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  o->integer = luaL_len(L, 2);
  return 0;
}
int shim_length(lua_State *L, int index, int64_t *length) {
  operands o = {0};
  int status = protect_on(L, op_length, &o, index, 0, 0);
  if (status == LUA_OK) *length = o.integer;
  return status;
}

static int op_next(lua_State *L) {  // operands, table, key
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
  int status = protect_on(L, op_next, &o, index, 1, 2);
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
  return protect_on(L, op_to_string, &o, index, 0, 1);
}

static int op_traceback(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  luaL_traceback(L, o->object, NULL, o->a);
  return 1;
}
int shim_traceback(lua_State *L, int level) {
  operands o = {.object = L, .a = level + 1};  // above it: op_traceback itself
  return protect(L, op_traceback, &o, 1);
}

// --- reading -------------------------------------------------------------------------------------------------------------------------
size_t shim_read_integers(lua_State *L, int index, int64_t *out, size_t count) {
  index = lua_absindex(L, index);
  if (!lua_checkstack(L, 1)) return 1;
  for (size_t i = 0; i < count; i++) {
    int fits = 0;
    if (lua_rawgeti(L, index, (lua_Integer)i + 1) == LUA_TNUMBER) out[i] = lua_tointegerx(L, -1, &fits);
    lua_pop(L, 1);
    if (!fits) return i + 1;
  }
  return 0;
}

size_t shim_read_numbers(lua_State *L, int index, double *out, size_t count) {
  index = lua_absindex(L, index);
  if (!lua_checkstack(L, 1)) return 1;
  for (size_t i = 0; i < count; i++) {
    int is_number = lua_rawgeti(L, index, (lua_Integer)i + 1) == LUA_TNUMBER;
    if (is_number) out[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
    if (!is_number) return i + 1;
  }
  return 0;
}

static int class_index(lua_State *L);

// True for a frame that stands between a native function and the code that asked for it: the search for `t.key` on behalf of
// a class, or a chunk of our own, which is named "=perilune".
static int is_own_frame(lua_State *L, lua_Debug *ar) {
  if (strcmp(ar->source, "=perilune") == 0) return 1;
  if (*ar->what != 'C' || !lua_checkstack(L, 1) || !lua_getinfo(L, "f", ar)) return 0;
  int found = lua_tocfunction(L, -1) == class_index;
  lua_pop(L, 1);
  return found;
}

void shim_where(lua_State *L, int level, char *out, size_t size) {
  lua_Debug ar;
  out[0] = 0;
  do {
    if (!lua_getstack(L, level++, &ar) || !lua_getinfo(L, "Sl", &ar)) return;
  } while (is_own_frame(L, &ar));
  if (ar.currentline <= 0) return;
  snprintf(out, size, "%s:%d: ", ar.short_src, ar.currentline);
}

int shim_called_as_method(lua_State *L) {
  lua_Debug ar;
  if (!lua_getstack(L, 0, &ar) || !lua_getinfo(L, "n", &ar)) return 0;
  return strcmp(ar.namewhat, "method") == 0;
}

// --- calls ----------------------------------------------------------------------------------------------------------------------------
// Copies the locals of the chunk at `ar` to the session, if that is the chunk whose locals are kept.
static int keep_locals_at(lua_State *L, lua_Debug *ar) {
  shim_state *s = shim_of(L);
  if (!lua_checkstack(L, 8) || !lua_getinfo(L, "f", ar)) return 0;
  int is_chunk = lua_topointer(L, -1) == s->chunk;
  lua_pop(L, 1);
  if (!is_chunk) return 0;
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->locals_ref);
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->declared_ref);
  const char *name;
  for (int i = 1; (name = lua_getlocal(L, ar, i)) != NULL; i++) {
    if (name[0] != '(') {
      lua_pushstring(L, name);
      lua_pushvalue(L, -1);
      lua_pushboolean(L, 1);
      lua_rawset(L, -5);  // declared[name] = true
      lua_pushvalue(L, -2);
      lua_rawset(L, -5);  // locals[name] = value
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 2);
  return 1;
}

// At the return of the chunk, its locals are still on the stack.
static void keep_locals(lua_State *L, lua_Debug *ar) {
  if (keep_locals_at(L, ar)) lua_sethook(L, NULL, 0, 0);
}

static int keeper(lua_State *L) {
  lua_Debug ar;
  if (lua_getstack(L, 1, &ar)) keep_locals_at(L, &ar);
  return 0;
}
void shim_push_keeper(lua_State *L) { lua_pushcfunction(L, keeper); }

// At an error too: what was computed before it is not lost.
static void keep_locals_of_failed_chunk(lua_State *L) {
  lua_Debug ar;
  for (int level = 1; lua_getstack(L, level, &ar) && !keep_locals_at(L, &ar); level++) continue;
}

static const char traceback_key = 0;

// Leaves the error value as it is and keeps the traceback aside, unless the value is an object that carries its own. The text of
// a foreign object is taken here, where `__tostring` still sees the stack of the error, as in the stand-alone interpreter.
static int with_traceback(lua_State *L) {
  shim_state *s = shim_of(L);
  s->has_text = 0;
  if (s->chunk != NULL) keep_locals_of_failed_chunk(L);
  if (block_at(L, 1) == NULL) {
    if (lua_type(L, 1) != LUA_TSTRING && luaL_callmeta(L, 1, "__tostring") && lua_type(L, -1) == LUA_TSTRING) {
      s->has_text = 1;
    } else {
      luaL_traceback(L, L, NULL, 1);
    }
    lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
  }
  lua_settop(L, 1);
  return 1;
}

int shim_call(lua_State *L, int arguments, int results) {
  if (!lua_checkstack(L, 4)) return SHIM_NO_STACK;
  int handler = lua_gettop(L) - arguments;
  lua_pushcfunction(L, with_traceback);
  lua_insert(L, handler);
  int status = lua_pcall(L, arguments, results, handler);
  lua_remove(L, handler);
  if (status != LUA_OK) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &traceback_key);
    if (!lua_isnil(L, -1)) {
      lua_pushnil(L);  // the key exists: no allocation
      lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
    }
  }
  return status;
}

int shim_call_keeping_locals(lua_State *L, int locals_ref, int declared_ref, int hook) {
  shim_state *s = shim_of(L);
  s->chunk = lua_topointer(L, -1);
  s->locals_ref = locals_ref;
  s->declared_ref = declared_ref;
  if (hook) lua_sethook(L, keep_locals, LUA_MASKRET, 0);
  int status = shim_call(L, 0, LUA_MULTRET);
  if (lua_gethook(L) == keep_locals) lua_sethook(L, NULL, 0, 0);
  s->chunk = NULL;
  return status;
}

static int op_load_file(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  o->a = luaL_loadfile(L, o->bytes);
  return 1;
}
int shim_load_file(lua_State *L, const char *path) {
  operands o = {.bytes = path};
  int status = protect(L, op_load_file, &o, 1);
  return status == LUA_OK ? o.a : status;
}

int shim_load(lua_State *L, const void *bytes, size_t count, const char *name, const char *mode) {
  if (!lua_checkstack(L, 4)) return SHIM_NO_STACK;
  return luaL_loadbufferx(L, count ? bytes : "", count, name, mode);
}

// --- classes -----------------------------------------------------------------------------------------------------------------------------
// t.key: a method, else a getter's value, else what the class's own index function says. Upvalues: methods, getters, index.
static int class_index(lua_State *L) {
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL) {
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return 1;
  }
  if (lua_isnil(L, lua_upvalueindex(3))) return 0;
  lua_pushvalue(L, lua_upvalueindex(3));
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_call(L, 2, 1);
  return 1;
}

// operands, index, newindex, methods, getters, metamethods -> the registry
static int op_class(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  const int index = 2, newindex = 3, methods = 4, getters = 5, meta = 6;
  lua_pushstring(L, o->bytes);
  lua_setfield(L, meta, "__name");
  lua_pushcfunction(L, shim_object_gc);
  lua_setfield(L, meta, "__gc");
  lua_pushcfunction(L, shim_object_gc);
  lua_setfield(L, meta, "__close");
  if (lua_getfield(L, meta, "__eq") == LUA_TNIL) {
    lua_pushcfunction(L, object_eq);
    lua_setfield(L, meta, "__eq");
  }
  lua_pop(L, 1);
  lua_pushvalue(L, methods);
  lua_setfield(L, meta, "__methods");  // for completion at the prompt
  lua_pushvalue(L, getters);
  lua_setfield(L, meta, "__getters");
  lua_pushnil(L);
  int plain = lua_isnil(L, index) && !lua_next(L, getters);
  lua_settop(L, meta);
  if (plain) {
    lua_pushvalue(L, methods);
  } else {
    lua_pushvalue(L, methods);
    lua_pushvalue(L, getters);
    lua_pushvalue(L, index);
    lua_pushcclosure(L, class_index, 3);
  }
  lua_setfield(L, meta, "__index");
  if (!lua_isnil(L, newindex)) {
    lua_pushvalue(L, newindex);
    lua_setfield(L, meta, "__newindex");
  }
  lua_settop(L, meta);
  o->a = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}
int shim_class(lua_State *L, const char *name, int *ref) {
  operands o = {.bytes = name};
  if (!lua_checkstack(L, 4)) return SHIM_NO_STACK;
  lua_pushcfunction(L, op_class);
  lua_pushlightuserdata(L, &o);
  lua_rotate(L, -7, 2);
  int status = lua_pcall(L, 6, 0, 0);
  if (status == LUA_OK) *ref = o.a;
  return status;
}
