// string.find, match, gmatch and gsub that Ctrl-C can end, and with a limit on the steps of a call in the sandbox: the
// library's own may take years for a pattern of 30 characters, and no hook of Lua's runs meanwhile.
//
// The patterns are those of the manual, sec. 6.4.1; the matching follows lstrlib.c of Lua 5.4 (Copyright 1994-2023
// Lua.org, PUC-Rio; MIT licence), without its jumps.
#include "lua_internal.h"
#include <ctype.h>
#include <string.h>

enum { CAPTURES_MAX = 32, UNFINISHED = -1, POSITION = -2, DEPTH_MAX = 200 };
// Single steps of matching in one call of a function in the sandbox: about a second.
static const int64_t steps_max = 100000000;
static const int64_t steps_between_looks = 1 << 16;

typedef struct matching {
  const char *text, *end, *pattern_end;
  lua_State *L;
  int64_t steps, looks_at;
  int depth, level;
  struct {
    const char *start;
    ptrdiff_t length;
  } capture[CAPTURES_MAX];
} matching;

static void look(matching *m) {
  if (m->steps > steps_max && shim_of(m->L)->is_restricted) {
    luaL_error(m->L, "pattern too complex: more than %d steps of matching (limit of --sandbox)", (int)steps_max);
  }
  shim_raise_if_pressed(m->L);
  m->looks_at = m->steps + steps_between_looks;
}

static inline void count_steps(matching *m, int64_t steps) {
  m->steps += steps;
  if (__builtin_expect(m->steps > m->looks_at, 0)) look(m);
}

static int check_capture(matching *m, int digit) {
  int i = digit - '1';
  if (i < 0 || i >= m->level || m->capture[i].length == UNFINISHED) {
    return luaL_error(m->L, "invalid capture index %%%d", i + 1);
  }
  return i;
}

static int open_capture(matching *m) {
  for (int i = m->level - 1; i >= 0; i--) {
    if (m->capture[i].length == UNFINISHED) return i;
  }
  return luaL_error(m->L, "invalid pattern capture");
}

static const char *class_end(matching *m, const char *p) {
  if (p == m->pattern_end) luaL_error(m->L, "malformed pattern (ends with '%%')");
  if (*p++ == '%') {
    if (p == m->pattern_end) luaL_error(m->L, "malformed pattern (ends with '%%')");
    return p + 1;
  }
  if (p[-1] != '[') return p;
  if (p < m->pattern_end && *p == '^') p++;
  do {
    if (p == m->pattern_end) luaL_error(m->L, "malformed pattern (missing ']')");
    if (*p++ == '%' && p < m->pattern_end) p++;
  } while (p == m->pattern_end || *p != ']');
  return p + 1;
}

static int in_class(int c, int class) {
  int result;
  switch (tolower(class)) {
    case 'a': result = isalpha(c); break;
    case 'c': result = iscntrl(c); break;
    case 'd': result = isdigit(c); break;
    case 'g': result = isgraph(c); break;
    case 'l': result = islower(c); break;
    case 'p': result = ispunct(c); break;
    case 's': result = isspace(c); break;
    case 'u': result = isupper(c); break;
    case 'w': result = isalnum(c); break;
    case 'x': result = isxdigit(c); break;
    case 'z': result = c == 0; break;  // as in Lua 5.1
    default: return class == c;
  }
  return isupper(class) ? !result : result != 0;
}

// `p` is at the '[', `last` at the ']'.
static int in_set(matching *m, int c, const char *p, const char *last) {
  int found = 1;
  count_steps(m, last - p);
  if (p[1] == '^') {
    found = 0;
    p++;
  }
  while (++p < last) {
    if (*p == '%') {
      if (in_class(c, (unsigned char)*++p)) return found;
    } else if (p[1] == '-' && p + 2 < last) {
      p += 2;
      if ((unsigned char)p[-2] <= c && c <= (unsigned char)*p) return found;
    } else if ((unsigned char)*p == c) {
      return found;
    }
  }
  return !found;
}

static inline int single(matching *m, const char *s, const char *p, const char *after) {
  count_steps(m, 1);
  if (s >= m->end) return 0;
  int c = (unsigned char)*s;
  switch (*p) {
    case '.': return 1;
    case '%': return in_class(c, (unsigned char)p[1]);
    case '[': return in_set(m, c, p, after - 1);
    default: return (unsigned char)*p == c;
  }
}

static const char *match(matching *m, const char *s, const char *p);

static const char *balanced(matching *m, const char *s, const char *p) {
  if (p >= m->pattern_end - 1) luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
  if (s >= m->end || *s != *p) return NULL;
  int open = 1;
  while (++s < m->end) {
    count_steps(m, 1);
    if (*s == p[1]) {
      if (--open == 0) return s + 1;
    } else if (*s == *p) {
      open++;
    }
  }
  return NULL;
}

static const char *longest(matching *m, const char *s, const char *p, const char *after) {
  ptrdiff_t count = 0;
  while (single(m, s + count, p, after)) count++;
  for (; count >= 0; count--) {
    const char *rest = match(m, s + count, after + 1);
    if (rest) return rest;
  }
  return NULL;
}

static const char *shortest(matching *m, const char *s, const char *p, const char *after) {
  for (;;) {
    const char *rest = match(m, s, after + 1);
    if (rest) return rest;
    if (!single(m, s, p, after)) return NULL;
    s++;
  }
}

static const char *start_capture(matching *m, const char *s, const char *p, int kind) {
  if (m->level >= CAPTURES_MAX) luaL_error(m->L, "too many captures");
  m->capture[m->level].start = s;
  m->capture[m->level].length = kind;
  m->level++;
  const char *rest = match(m, s, p);
  if (rest == NULL) m->level--;
  return rest;
}

static const char *end_capture(matching *m, const char *s, const char *p) {
  int i = open_capture(m);
  m->capture[i].length = s - m->capture[i].start;
  const char *rest = match(m, s, p);
  if (rest == NULL) m->capture[i].length = UNFINISHED;
  return rest;
}

static const char *same_as_capture(matching *m, const char *s, int digit) {
  int i = check_capture(m, digit);
  size_t length = (size_t)m->capture[i].length;
  count_steps(m, m->capture[i].length);
  if ((size_t)(m->end - s) >= length && memcmp(m->capture[i].start, s, length) == 0) return s + length;
  return NULL;
}

static const char *frontier(matching *m, const char *s, const char *p, const char **after) {
  if (p >= m->pattern_end || *p != '[') luaL_error(m->L, "missing '[' after '%%f' in pattern");
  *after = class_end(m, p);
  int before = s == m->text ? 0 : (unsigned char)s[-1], here = s == m->end ? 0 : (unsigned char)*s;
  return !in_set(m, before, p, *after - 1) && in_set(m, here, p, *after - 1) ? s : NULL;
}

// The end of a match of the pattern from `p` on that starts at `s`, or NULL.
static const char *match_here(matching *m, const char *s, const char *p) {
  while (p != m->pattern_end) {
    const char *after;
    count_steps(m, 1);
    switch (*p) {
      case '(':
        if (p + 1 < m->pattern_end && p[1] == ')') return start_capture(m, s, p + 2, POSITION);
        return start_capture(m, s, p + 1, UNFINISHED);
      case ')': return end_capture(m, s, p + 1);
      case '$':
        if (p + 1 == m->pattern_end) return s == m->end ? s : NULL;
        break;
      case '%':
        if (p + 1 < m->pattern_end && p[1] == 'b') {
          s = balanced(m, s, p + 2);
          if (s == NULL) return NULL;
          p += 4;
          continue;
        }
        if (p + 1 < m->pattern_end && p[1] == 'f') {
          s = frontier(m, s, p + 2, &after);
          if (s == NULL) return NULL;
          p = after;
          continue;
        }
        if (p + 1 < m->pattern_end && isdigit((unsigned char)p[1])) {
          s = same_as_capture(m, s, (unsigned char)p[1]);
          if (s == NULL) return NULL;
          p += 2;
          continue;
        }
        break;
    }
    after = class_end(m, p);
    char how = after < m->pattern_end ? *after : 0;
    if (how == '*') return longest(m, s, p, after);
    if (how == '+') return single(m, s, p, after) ? longest(m, s + 1, p, after) : NULL;
    if (how == '-') return shortest(m, s, p, after);
    if (how == '?') {
      const char *rest;
      if (single(m, s, p, after) && (rest = match(m, s + 1, after + 1)) != NULL) return rest;
      p = after + 1;
      continue;
    }
    if (!single(m, s, p, after)) return NULL;
    s++;
    p = after;
  }
  return s;
}

static const char *match(matching *m, const char *s, const char *p) {
  if (m->depth-- == 0) luaL_error(m->L, "pattern too complex");
  const char *rest = match_here(m, s, p);
  m->depth++;
  return rest;
}

static const char *match_from(matching *m, const char *s, const char *p) {
  m->level = 0;
  m->depth = DEPTH_MAX;
  return match(m, s, p);
}

static void prepare(matching *m, lua_State *L, const char *text, size_t length, const char *pattern_end) {
  m->L = L;
  m->text = text;
  m->end = text + length;
  m->pattern_end = pattern_end;
  m->steps = 0;
  m->looks_at = steps_between_looks;
  m->level = 0;
}

static void push_capture(matching *m, int i, const char *s, const char *e) {
  if (i >= m->level) {
    if (i != 0) luaL_error(m->L, "invalid capture index %%%d", i + 1);
    lua_pushlstring(m->L, s, (size_t)(e - s));
  } else if (m->capture[i].length == POSITION) {
    lua_pushinteger(m->L, m->capture[i].start - m->text + 1);
  } else {
    if (m->capture[i].length == UNFINISHED) luaL_error(m->L, "unfinished capture");
    lua_pushlstring(m->L, m->capture[i].start, (size_t)m->capture[i].length);
  }
}

// All captures, or the whole match where there is none.
static int push_captures(matching *m, const char *s, const char *e) {
  int count = m->level == 0 && s ? 1 : m->level;
  luaL_checkstack(m->L, count, "too many captures");
  for (int i = 0; i < count; i++) push_capture(m, i, s, e);
  return count;
}

static size_t start_of(lua_Integer position, size_t length) {
  if (position > 0) return (size_t)position;
  if (position == 0 || position < -(lua_Integer)length) return 1;
  return length + (size_t)position + 1;
}

static const char *find_plain(matching *m, const char *s, const char *p, size_t length) {
  for (; (size_t)(m->end - s) >= length; s++) {
    const char *first = length == 0 ? s : memchr(s, *p, (size_t)(m->end - s) - length + 1);
    if (first == NULL) return NULL;
    count_steps(m, 1);
    if (memcmp(first, p, length) == 0) return first;
    s = first;
  }
  return NULL;
}

// A pattern without a character that means anything else; zeros may stand between its parts.
static int is_plain(const char *p, size_t length) {
  for (const char *end = p + length; p <= end; p += strlen(p) + 1) {
    if (strpbrk(p, "^$*+?.([%-")) return 0;
  }
  return 1;
}

static int find_or_match(lua_State *L, int find) {
  size_t length, pattern_length;
  const char *text = luaL_checklstring(L, 1, &length), *p = luaL_checklstring(L, 2, &pattern_length);
  size_t start = start_of(luaL_optinteger(L, 3, 1), length) - 1;
  if (start > length) {
    luaL_pushfail(L);
    return 1;
  }
  matching m;
  prepare(&m, L, text, length, p + pattern_length);
  const char *s = text + start;
  if (find && (lua_toboolean(L, 4) || is_plain(p, pattern_length))) {
    const char *found = find_plain(&m, s, p, pattern_length);
    if (found) {
      lua_pushinteger(L, found - text + 1);
      lua_pushinteger(L, found - text + (lua_Integer)pattern_length);
      return 2;
    }
    luaL_pushfail(L);
    return 1;
  }
  int anchored = pattern_length > 0 && *p == '^';
  if (anchored) p++;
  do {
    const char *e = match_from(&m, s, p);
    if (e != NULL) {
      if (!find) return push_captures(&m, s, e);
      lua_pushinteger(L, s - text + 1);
      lua_pushinteger(L, e - text);
      return push_captures(&m, NULL, NULL) + 2;
    }
  } while (s++ < m.end && !anchored);
  luaL_pushfail(L);
  return 1;
}

static int string_find(lua_State *L) { return find_or_match(L, 1); }
static int string_match(lua_State *L) { return find_or_match(L, 0); }

// Upvalues: text, pattern, where the search goes on, where the last match ended (-1: none yet).
static int next_match(lua_State *L) {
  size_t length, pattern_length;
  const char *text = lua_tolstring(L, lua_upvalueindex(1), &length);
  const char *p = lua_tolstring(L, lua_upvalueindex(2), &pattern_length);
  lua_Integer start = lua_tointeger(L, lua_upvalueindex(3)), before = lua_tointeger(L, lua_upvalueindex(4));
  if (text == NULL || p == NULL || start < 0 || start > (lua_Integer)length + 1 || before > (lua_Integer)length) {
    return luaL_error(L, "the state of this iterator was replaced");  // by debug.setupvalue
  }
  matching m;
  prepare(&m, L, text, length, p + pattern_length);
  const char *last = before < 0 ? NULL : text + before;
  for (const char *s = text + start; s <= m.end; s++) {
    const char *e = match_from(&m, s, p);
    if (e == NULL || e == last) continue;
    lua_pushinteger(L, e - text);
    lua_replace(L, lua_upvalueindex(3));
    lua_pushinteger(L, e - text);
    lua_replace(L, lua_upvalueindex(4));
    return push_captures(&m, s, e);
  }
  lua_pushinteger(L, (lua_Integer)length + 1);
  lua_replace(L, lua_upvalueindex(3));
  return 0;
}

static int string_gmatch(lua_State *L) {
  size_t length;
  luaL_checklstring(L, 1, &length);
  luaL_checkstring(L, 2);
  size_t start = start_of(luaL_optinteger(L, 3, 1), length) - 1;
  lua_settop(L, 2);
  lua_pushinteger(L, (lua_Integer)(start > length ? length + 1 : start));
  lua_pushinteger(L, -1);
  lua_pushcclosure(L, next_match, 4);
  return 1;
}

// Adds the replacement string with its %0, ..., %9 filled in.
static void add_string(matching *m, luaL_Buffer *b, const char *s, const char *e) {
  size_t length;
  const char *text = lua_tolstring(m->L, 3, &length), *end = text + length, *percent;
  while ((percent = memchr(text, '%', (size_t)(end - text))) != NULL) {
    luaL_addlstring(b, text, (size_t)(percent - text));
    char what = percent + 1 < end ? percent[1] : 0;
    if (what == '%') {
      luaL_addchar(b, '%');
    } else if (what == '0') {
      luaL_addlstring(b, s, (size_t)(e - s));
    } else if (isdigit((unsigned char)what)) {
      push_capture(m, what - '1', s, e);
      luaL_tolstring(m->L, -1, NULL);
      lua_remove(m->L, -2);
      luaL_addvalue(b);
    } else {
      luaL_error(m->L, "invalid use of '%%' in replacement string");
    }
    text = percent + 2;
  }
  luaL_addlstring(b, text, (size_t)(end - text));
}

// Adds what replaces the match; 0 if it is kept as it is.
static int add_replacement(matching *m, luaL_Buffer *b, const char *s, const char *e, int kind) {
  lua_State *L = m->L;
  if (kind == LUA_TFUNCTION) {
    lua_pushvalue(L, 3);
    lua_call(L, push_captures(m, s, e), 1);
  } else if (kind == LUA_TTABLE) {
    push_capture(m, 0, s, e);
    lua_gettable(L, 3);
  } else {
    add_string(m, b, s, e);
    return 1;
  }
  if (!lua_toboolean(L, -1)) {
    lua_pop(L, 1);
    luaL_addlstring(b, s, (size_t)(e - s));
    return 0;
  }
  if (!lua_isstring(L, -1)) return luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
  luaL_addvalue(b);
  return 1;
}

static int string_gsub(lua_State *L) {
  size_t length, pattern_length;
  const char *s = luaL_checklstring(L, 1, &length), *p = luaL_checklstring(L, 2, &pattern_length), *last = NULL;
  int kind = lua_type(L, 3);
  luaL_argexpected(L, kind == LUA_TNUMBER || kind == LUA_TSTRING || kind == LUA_TFUNCTION || kind == LUA_TTABLE, 3,
                   "string/function/table");
  lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)length + 1), count = 0;
  matching m;
  prepare(&m, L, s, length, p + pattern_length);
  int anchored = pattern_length > 0 && *p == '^', changed = 0;
  if (anchored) p++;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  while (count < most) {
    const char *e = match_from(&m, s, p);
    if (e != NULL && e != last) {
      count++;
      changed |= add_replacement(&m, &b, s, e, kind);
      s = last = e;
    } else if (s < m.end) {
      luaL_addchar(&b, *s++);
    } else {
      break;
    }
    if (anchored) break;
  }
  if (!changed) {
    lua_pushvalue(L, 1);
  } else {
    luaL_addlstring(&b, s, (size_t)(m.end - s));
    luaL_pushresult(&b);
  }
  lua_pushinteger(L, count);
  return 2;
}

const luaL_Reg shim_patterns[] = {
    {"find", string_find}, {"match", string_match}, {"gmatch", string_gmatch}, {"gsub", string_gsub}, {NULL, NULL}};
