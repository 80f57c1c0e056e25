// Keeps the top-level locals of a chunk for the inputs that follow it at the prompt.
#include "lua_internal.h"

// Copies the locals of the chunk at `ar` to the session, if it is the chunk whose locals are kept.
static int keep_locals_at(lua_State *L, lua_Debug *ar) {
  shim_state *s = shim_of(L);
  if (!lua_checkstack(L, 8) || !lua_getinfo(L, "f", ar)) return 0;
  int is_chunk = lua_topointer(L, -1) == s->chunk;
  lua_pop(L, 1);
  if (!is_chunk) return 0;
  int has_tables = lua_rawgeti(L, LUA_REGISTRYINDEX, s->locals_ref) == LUA_TTABLE;
  has_tables &= lua_rawgeti(L, LUA_REGISTRYINDEX, s->declared_ref) == LUA_TTABLE;
  const char *name;
  for (int i = 1; has_tables && (name = lua_getlocal(L, ar, i)) != NULL; i++) {
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

void shim_keep_locals_of_failed_chunk(lua_State *L) {
  if (shim_of(L)->chunk == NULL) return;
  lua_Debug ar;
  for (int level = 1; lua_getstack(L, level, &ar) && !keep_locals_at(L, &ar); level++) continue;
}

static int keeper(lua_State *L) {
  lua_Debug ar;
  if (lua_getstack(L, 1, &ar)) keep_locals_at(L, &ar);
  return 0;
}
void shim_push_keeper(lua_State *L) { lua_pushcfunction(L, keeper); }

static void restore_hook(lua_State *L) {
  shim_hook *user = &shim_of(L)->user_hook;
  lua_sethook(L, user->function, user->mask, user->count);
}

// At the return of the chunk its locals are still on the stack. A hook that the user has set with
// `debug.sethook` goes on to see its events.
static void keep_locals(lua_State *L, lua_Debug *ar) {
  shim_hook user = shim_of(L)->user_hook;
  int event = ar->event == LUA_HOOKTAILCALL ? LUA_HOOKCALL : ar->event;
  if (event == LUA_HOOKRET && keep_locals_at(L, ar)) restore_hook(L);
  if (user.function != NULL && user.mask & (1 << event)) user.function(L, ar);
}

void shim_hook_locals(lua_State *L) {
  if (lua_gethook(L) == keep_locals) return;  // an input within an input
  shim_hook *user = &shim_of(L)->user_hook;
  *user = (shim_hook){lua_gethook(L), lua_gethookmask(L), lua_gethookcount(L)};
  lua_sethook(L, keep_locals, user->mask | LUA_MASKRET, user->count);
}

void shim_unhook_locals(lua_State *L) {
  if (lua_gethook(L) == keep_locals) restore_hook(L);
}
