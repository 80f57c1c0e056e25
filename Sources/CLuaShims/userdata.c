// Userdata that own Swift objects, and the metatables of their classes.
#include "lua_internal.h"

// A block is recognised by its size and its first words, not by its metatable, so `debug.setmetatable` cannot
// forge one.
static const uint64_t magic = 0x7065726963656e74;
static const uint64_t value_kind = 0xa5c3f00d51f7e0b1, entry_kind = 0x5e1fca1183d29b47;
static const char entry_key = 0;

static block *block_of(lua_State *L, int index, uint64_t kind) {
  // A light userdata has the length 0; a string or table of this length is no userdata.
  if (lua_rawlen(L, index) != sizeof(block)) return NULL;
  block *b = lua_touserdata(L, index);
  return b != NULL && b->magic == magic && b->kind == kind ? b : NULL;
}

block *shim_block_of_value(lua_State *L, int index) { return block_of(L, index, value_kind); }
block *shim_block_of_entry(lua_State *L, int index) { return block_of(L, index, entry_kind); }

// Gives the block below the metatable on the top, which is popped. `debug.getregistry` can replace the
// metatable by another value.
static void set_metatable(lua_State *L) {
  if (!lua_istable(L, -1)) luaL_error(L, "a metatable in the registry was replaced");
  lua_setmetatable(L, -2);
}

static block *new_block(lua_State *L, uint64_t kind) {
  block *b = lua_newuserdatauv(L, sizeof *b, 0);
  b->magic = magic;
  b->no_close = NULL;
  b->kind = kind;
  b->object = NULL;
  return b;
}

block *shim_new_value(lua_State *L, int metatable_ref) {
  block *b = new_block(L, value_kind);
  lua_rawgeti(L, LUA_REGISTRYINDEX, metatable_ref);
  set_metatable(L);
  return b;
}

block *shim_new_entry(lua_State *L) {
  block *b = new_block(L, entry_kind);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &entry_key);
  set_metatable(L);
  return b;
}

void *shim_object(lua_State *L, int index) {
  block *b = shim_block_of_value(L, index);
  return b ? b->object : NULL;
}

int shim_is_closed_object(lua_State *L, int index) {
  block *b = shim_block_of_value(L, index);
  return b != NULL && b->object == NULL;
}

static void release(block *b) {
  if (b == NULL || b->object == NULL) return;
  void *object = b->object;
  b->object = NULL;
  shim_swift.release(object);
}

void shim_close_object(lua_State *L, int index) { release(shim_block_of_value(L, index)); }

// Both `__gc` and `__close`: the second call does nothing.
static int object_gc(lua_State *L) {
  block *b = shim_block_of_value(L, 1);
  release(b != NULL ? b : shim_block_of_entry(L, 1));
  return 0;
}

static int object_eq(lua_State *L) {
  void *a = shim_object(L, 1), *b = shim_object(L, 2);
  lua_pushboolean(L, a != NULL && a == b);
  return 1;
}

void shim_open_entries(lua_State *L) {
  lua_newtable(L);
  lua_pushcfunction(L, object_gc);
  lua_setfield(L, -2, "__gc");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &entry_key);
}

static int op_object(lua_State *L) {
  operands *o = lua_touserdata(L, 1);
  shim_new_value(L, o->a)->object = o->object;
  return 1;
}
int shim_push_object(lua_State *L, void *object, int metatable_ref) {
  operands o = {.object = object, .a = metatable_ref};
  return shim_protect(L, op_object, &o, 1);
}

int shim_raise_pending(lua_State *L, const char *traceback) {
  shim_state *s = shim_of(L);
  block *b = shim_new_value(L, s->error_class);
  b->object = shim_swift.take_error(s->owner, traceback);
  return lua_error(L);
}

// --- classes ---
// t.key: a method, else a getter's value, else the result of the class's own index function. Upvalues:
// methods, getters, index. `debug.setupvalue` can replace them.
int shim_class_index(lua_State *L) {
  lua_settop(L, 2);
  if (!lua_istable(L, lua_upvalueindex(1)) || !lua_istable(L, lua_upvalueindex(2))) {
    return luaL_error(L, "the methods of this class were replaced");
  }
  if (lua_type(L, 2) != LUA_TNUMBER) {  // no method or property is called by a number
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL) {
      lua_pushvalue(L, 1);
      lua_call(L, 1, 1);
      return 1;
    }
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
  lua_pushcfunction(L, object_gc);
  lua_setfield(L, meta, "__gc");
  lua_pushcfunction(L, object_gc);
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
    lua_pushcclosure(L, shim_class_index, 3);
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
