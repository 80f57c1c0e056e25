// The C half of the Lua embedding: everything that may raise a Lua error happens here.
//
// A Lua error is a longjmp. It must never cross a Swift frame, so Swift only calls functions of this header
// (each of which catches its own errors and returns a status) and those parts of the Lua API that never
// raise.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct lua_State lua_State;
struct lua_Debug;

// A hook of a thread, as lua_sethook takes it.
typedef struct shim_hook {
  void (*_Nullable function)(lua_State *_Nonnull L, struct lua_Debug *_Nonnull ar);
  int mask, count;
} shim_hook;

// One Lua state and its accounts. Every thread of the state finds it through lua_getextraspace.
typedef struct shim_state {
  lua_State *_Nonnull main;
  lua_State *_Nonnull current;   // the thread that runs now: where an interrupt must set its hook
  void *_Nullable owner;         // the Swift object, not retained
  size_t used_bytes;
  size_t limit_bytes;            // on the heap and the native bytes together; 0: none
  int is_restricted;             // no bytecode, and patterns with a limit
  int warnings;                  // 1 on, 0 off; 2 while a message in pieces is being written
  int error_class;               // registry reference of the metatable of error objects
  int has_text;                  // what the last failed call noted is the text of the error value, not a traceback
  const void *_Nullable chunk;   // the chunk whose locals go to the session
  int locals_ref, declared_ref;  // the tables they go to: name -> value and name -> true
  shim_hook user_hook;           // the hook that the one for locals replaced
} shim_state;

// What Swift gives to C, once for the process.
typedef struct shim_callbacks {
  // Runs a native function. Returns the number of results, or SHIM_RAISE_OBJECT or SHIM_RAISE_TOP.
  int (*_Nonnull call)(lua_State *_Nonnull L, void *_Nonnull owner, void *_Nonnull entry);
  // Releases the object of a userdata.
  void (*_Nonnull release)(void *_Nonnull object);
  // Hands over the error object kept by the last failed call (retained once), with the traceback to note in
  // it.
  void *_Nullable (*_Nonnull take_error)(void *_Nonnull owner, const char *_Nonnull traceback);
  // Keeps the error "interrupted!" ready for take_error.
  void (*_Nonnull make_interrupt)(lua_State *_Nonnull L, void *_Nonnull owner);
  // The bytes of live tensors.
  size_t (*_Nonnull native_bytes)(void *_Nullable owner);
} shim_callbacks;

enum { SHIM_RAISE_OBJECT = -1, SHIM_RAISE_TOP = -2 };
enum { SHIM_NO_STACK = 100 };  // a status beside LUA_OK and the LUA_ERR codes: nothing was pushed

void shim_lua_callbacks(const shim_callbacks *_Nonnull callbacks);

// The version of Lua that is linked, and its copyright.
const char *_Nonnull shim_lua_copyright(void);

// --- states ---
// A state without an owner, which Swift sets before it opens the state.
shim_state *_Nullable shim_lua_new(void);
// `libraries`: 0 none, 1 the standard ones, 2 those without looking at environment variables (lua -E).
int shim_lua_open(shim_state *_Nonnull s, int libraries);
void shim_lua_close(shim_state *_Nonnull s);
// For code that is not trusted: chunks are text, and the matching of patterns has a limit.
void shim_lua_restrict(shim_state *_Nonnull s);
int shim_lua_collect(lua_State *_Nonnull L);

// --- values: each returns a status; on an error status the error value is on the top ---
int shim_push_string(lua_State *_Nonnull L, const void *_Nullable bytes, size_t count);
int shim_push_object(lua_State *_Nonnull L, void *_Nonnull object, int metatable_ref);
int shim_push_table(lua_State *_Nonnull L, int array, int hash);
// A native function: a closure over a userdata that owns `entry`.
int shim_push_function(lua_State *_Nonnull L, void *_Nonnull entry);
int shim_push_integers(lua_State *_Nonnull L, const int64_t *_Nullable values, size_t count);
int shim_push_numbers(lua_State *_Nonnull L, const double *_Nullable values, size_t count);
// Pops the top into the registry. SHIM_NO_STACK or an error leaves *ref alone.
int shim_ref(lua_State *_Nonnull L, int *_Nonnull ref);
void shim_unref(lua_State *_Nonnull L, int ref);
void shim_push_ref(lua_State *_Nonnull L, int ref);
// With metamethods: pushes t[key] for the key on the top (popped); sets t[key] = value for key, value on the
// top (popped).
int shim_get(lua_State *_Nonnull L, int index);
int shim_set(lua_State *_Nonnull L, int index);
int shim_get_global(lua_State *_Nonnull L, const char *_Nonnull name);
int shim_set_global(lua_State *_Nonnull L, const char *_Nonnull name);
// Without metamethods: t[name] = top, popped.
int shim_raw_set_field(lua_State *_Nonnull L, int index, const void *_Nullable key, size_t count);
int shim_length(lua_State *_Nonnull L, int index, int64_t *_Nonnull length);
// As lua_next: key on the top becomes key and value; *more is 0 at the end, when the key is only popped.
int shim_next(lua_State *_Nonnull L, int index, int *_Nonnull more);
// Pushes the text of the value as `tostring` gives it.
int shim_to_string(lua_State *_Nonnull L, int index);
// Pushes a traceback of `L` from `level`, without a message.
int shim_traceback(lua_State *_Nonnull L, int level);

// --- reading, never raising ---
// The Swift object in the userdata at `index`, or null for another value and for a closed object.
void *_Nullable shim_object(lua_State *_Nonnull L, int index);
int shim_is_closed_object(lua_State *_Nonnull L, int index);
// Releases the object at `index`, if there is one: later uses find it closed.
void shim_close_object(lua_State *_Nonnull L, int index);
// The raw length of the list at `index`, 0 if it is no table; -1 if the length is more than the heap can
// hold.
int64_t shim_list_length(lua_State *_Nonnull L, int index);
// Copies t[1...count] raw; returns 0, the position of the first element that does not fit, or SHIM_CUT after Ctrl-C.
enum { SHIM_CUT = -1 };
int64_t shim_read_integers(lua_State *_Nonnull L, int index, int64_t *_Nullable out, size_t count);
int64_t shim_read_numbers(lua_State *_Nonnull L, int index, double *_Nullable out, size_t count);
// "file:line: " of the Lua code at `level`, or "".
void shim_where(lua_State *_Nonnull L, int level, char *_Nonnull out, size_t size);
// 1 if the running native function was called as a method (a:f()).
int shim_called_as_method(lua_State *_Nonnull L);
// 1 if the caller of the running function, or the code that triggered it as a metamethod, is native: ipairs, table.unpack.
int shim_called_from_c(lua_State *_Nonnull L);

// --- calls ---
// Calls the function under `arguments` values. On an error the error value is on the top, above it the
// traceback (or nil); if the error value has `__tostring`, then its text, and has_text is 1.
int shim_call(lua_State *_Nonnull L, int arguments, int results);
// As `shim_call` without arguments; the chunk's top-level locals at an error, and with `hook` at its return,
// go to the two tables.
int shim_call_keeping_locals(lua_State *_Nonnull L, int locals_ref, int declared_ref, int hook);
// Pushes a function that, called as the last statement of such a chunk, keeps its locals without the cost of
// a hook.
void shim_push_keeper(lua_State *_Nonnull L);
// Sets the hook that keeps the locals of the chunk at its return, and removes it.
void shim_hook_locals(lua_State *_Nonnull L);
void shim_unhook_locals(lua_State *_Nonnull L);
// Compiles a file as luaL_loadfile does; null: standard input.
int shim_load_file(lua_State *_Nonnull L, const char *_Nullable path);
int shim_load(lua_State *_Nonnull L, const void *_Nullable bytes, size_t count, const char *_Nonnull name,
              const char *_Nonnull mode);

// --- classes ---
// Makes a metatable from the three tables on the top (methods, getters, metamethods: popped) and the two
// functions or nils below them (index, newindex: popped); stores it in the registry.
int shim_class(lua_State *_Nonnull L, const char *_Nonnull name, int *_Nonnull ref);

// --- interrupts ---
// The state that Ctrl-C stops (null: none), run by the calling thread.
void shim_interrupt_target(shim_state *_Nullable s);
// Installs the SIGINT handler: 1st press an error, 2nd an error that no pcall holds, 3rd leaves the process
// with 130.
void shim_interrupt_install(void);
// One press of Ctrl-C, as the handler does it.
void shim_interrupt_press(void);
// 1 while the prompt waits for a line: a press then only sets the flag.
void shim_interrupt_at_prompt(int on);
int shim_interrupt_is_at_prompt(void);
// The third press no longer ends the process: it counts as the second.
void shim_interrupt_never_ends(void);
// A press on behalf of a client, from any thread. Where the process leads its group, its children are interrupted too.
void shim_interrupt_from_thread(void);
// The top level has control again: no press counts any more.
void shim_interrupt_reset(void);
// A library has handled the error of the first press: the next press is the first again.
void shim_interrupt_handled(void);
// At a prompt: code that goes on after the first press without having recognised its error is ended as by a second one.
void shim_interrupt_insist(int on);
// Code has asked whether the error is that of Ctrl-C, and knows what it does.
void shim_interrupt_recognised(void);
// The time is over: an error that no pcall holds, raised in the thread that runs Lua. From any thread.
void shim_interrupt_limit(void);
int shim_limit_reached(void);
// Starts the thread that watches the limits (0: none): seconds until shim_interrupt_limit, after which the process has
// a second to end before it ends with 124; bytes of memory of the process beyond those of now, where it ends with 1.
// Returns 0, or an error of pthread_create.
int shim_limits_start(double seconds, int64_t bytes);
// A native loop threw for the first press: it is consumed.
void shim_interrupt_consume(lua_State *_Nonnull L);

// What SIGUSR2 and SIGTERM do: end the process, as they do by default; count as a press of Ctrl-C; or are noted
// only, as the first Ctrl-C then is; the same one again is a press.
enum { SHIM_STOP_ENDS = 0, SHIM_STOP_RAISES = 1, SHIM_STOP_WAITS = 2 };
// Changes it. A signal that was noted becomes a press where the mode is SHIM_STOP_RAISES.
void shim_stop_handle(int mode);
int shim_stop_mode(void);
// The number of the signal that came, 0 if none did.
int shim_stop_signal(void);
// The signal has been turned into an error by other means.
void shim_stop_raised(void);
