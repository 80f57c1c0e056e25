// table.sort that Ctrl-C can end: the library's own compares numbers and strings in C, where no hook runs.
//
// The comparisons and moves are those of ltablib.c of Lua 5.4 (Copyright 1994-2023 Lua.org, PUC-Rio; MIT licence), so that
// equal elements end up in the same order.
#include "lua_internal.h"
#include <limits.h>
#include <string.h>
#include <time.h>

// Elements from which on the pivot is drawn where the splits are uneven.
enum { LARGE = 100 };

static void put_two(lua_State *L, unsigned i, unsigned j) {
  lua_seti(L, 1, i);
  lua_seti(L, 1, j);
}

static int is_less(lua_State *L, int a, int b, unsigned *compared) {
  shim_look(L, ++*compared);
  if (lua_isnil(L, 2)) return lua_compare(L, a, b, LUA_OPLT);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, a - 1);
  lua_pushvalue(L, b - 2);
  lua_call(L, 2, 1);
  int less = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return less;
}

// Splits around the pivot on the top of the stack, which is also at `up` - 1.
static unsigned split(lua_State *L, unsigned low, unsigned up, unsigned *compared) {
  unsigned i = low, j = up - 1;
  for (;;) {
    while (lua_geti(L, 1, ++i), is_less(L, -1, -2, compared)) {
      if (i == up - 1) luaL_error(L, "invalid order function for sorting");
      lua_pop(L, 1);
    }
    while (lua_geti(L, 1, --j), is_less(L, -3, -1, compared)) {
      if (j < i) luaL_error(L, "invalid order function for sorting");
      lua_pop(L, 1);
    }
    if (j < i) {
      lua_pop(L, 1);
      put_two(L, up - 1, i);
      return i;
    }
    put_two(L, i, j);
  }
}

static unsigned pivot_seed(void) {
  clock_t c = clock();
  time_t t = time(NULL);
  unsigned parts[sizeof(clock_t) / sizeof(unsigned) + sizeof(time_t) / sizeof(unsigned)], sum = 0;
  memcpy(parts, &c, sizeof c);
  memcpy(parts + sizeof c / sizeof(unsigned), &t, sizeof t);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) sum += parts[i];
  return sum;
}

// Exchanges a[i] and a[j] if a[j] < a[i].
static void order(lua_State *L, unsigned i, unsigned j, unsigned *compared) {
  lua_geti(L, 1, i);
  lua_geti(L, 1, j);
  if (is_less(L, -1, -2, compared)) {
    put_two(L, i, j);
  } else {
    lua_pop(L, 2);
  }
}

static void sort(lua_State *L, unsigned low, unsigned up, unsigned random, unsigned *compared) {
  while (low < up) {
    order(L, low, up, compared);
    if (up - low == 1) return;
    unsigned middle = (low + up) / 2;
    if (up - low >= LARGE && random != 0) {
      unsigned quarter = (up - low) / 4;
      middle = random % (quarter * 2) + low + quarter;
    }
    lua_geti(L, 1, middle);
    lua_geti(L, 1, low);
    if (is_less(L, -2, -1, compared)) {
      put_two(L, middle, low);
    } else {
      lua_pop(L, 1);
      lua_geti(L, 1, up);
      if (is_less(L, -1, -2, compared)) {
        put_two(L, middle, up);
      } else {
        lua_pop(L, 2);
      }
    }
    if (up - low == 2) return;
    lua_geti(L, 1, middle);
    lua_pushvalue(L, -1);
    lua_geti(L, 1, up - 1);
    put_two(L, middle, up - 1);
    middle = split(L, low, up, compared);
    unsigned smaller;
    if (middle - low < up - middle) {
      sort(L, low, middle - 1, random, compared);
      smaller = middle - low;
      low = middle + 1;
    } else {
      sort(L, middle + 1, up, random, compared);
      smaller = up - middle;
      up = middle - 1;
    }
    if ((up - low) / 128 > smaller) random = pivot_seed();
  }
}

static int table_sort(lua_State *L) {
  shim_check_table(L, 1, TABLE_READ | TABLE_WRITE | TABLE_LENGTH);
  lua_Integer n = luaL_len(L, 1);
  if (n <= 1) return 0;
  luaL_argcheck(L, n < INT_MAX, 1, "array too big");
  if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  luaL_checkstack(L, 40, "array too big");
  unsigned compared = 0;
  sort(L, 1, (unsigned)n, 0, &compared);
  return 0;
}

const luaL_Reg shim_sort[] = {{"sort", table_sort}, {NULL, NULL}};
