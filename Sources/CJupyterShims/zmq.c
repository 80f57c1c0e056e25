// See shim_zmq.h. Constants and signatures are those of zmq.h 4.x, whose binary interface is fixed for libzmq.so.5.
#include "shim_zmq.h"
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  _Alignas(64) unsigned char bytes[64];
} message;

typedef struct {
  void *socket;
  int descriptor;
  short events, happened;
} poll_item;

enum { type_reply = 4, type_router = 6, type_xpub = 9 };
enum {
  option_subscribe = 6,
  option_unsubscribe = 7,
  option_linger = 17,
  option_bytes_max = 22,
  option_send_queue = 23,
  option_xpub_verbose = 40,
  option_curve_server = 47,
  option_curve_secret = 49,
  option_router_handover = 56,
  option_xpub_keep_all = 69,
  option_xpub_manual = 71,
  option_tcp_silence_max = 80,
};
// Milliseconds after which the system ends the TCP connection of a client that takes nothing of what is sent to it.
enum { silence_max = 5000 };
enum { flag_do_not_wait = 1, flag_more = 2, poll_in = 1, sockets_max = 8 };

static struct {
  void *context;
  void *(*ctx_new)(void);
  int (*ctx_term)(void *);
  void *(*socket)(void *, int);
  int (*close)(void *);
  int (*setsockopt)(void *, int, const void *, size_t);
  int (*bind)(void *, const char *);
  int (*msg_init)(message *);
  int (*msg_init_data)(message *, void *, size_t, void (*)(void *, void *), void *);
  int (*msg_send)(message *, void *, int);
  int (*msg_recv)(message *, void *, int);
  void *(*msg_data)(message *);
  size_t (*msg_size)(const message *);
  int (*msg_more)(const message *);
  int (*msg_close)(message *);
  int (*send)(void *, const void *, size_t, int);
  int (*poll)(poll_item *, int, long);
  int (*error)(void);
  const char *(*strerror)(int);
} zmq;

static void *loaded(void *library, const char *name, const char **missing) {
  void *found = dlsym(library, name);
  if (!found && !*missing) *missing = name;
  return found;
}

int shim_zmq_load(char *problem, int capacity) {
  if (zmq.context) return 0;
  void *library = dlopen("libzmq.so.5", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    snprintf(problem, (size_t)capacity,
             "the Jupyter kernel needs ZeroMQ; install it with: apt-get install libzmq5 (%s)", dlerror());
    return -1;
  }
  const char *missing = NULL;
  zmq.ctx_new = loaded(library, "zmq_ctx_new", &missing);
  zmq.ctx_term = loaded(library, "zmq_ctx_term", &missing);
  zmq.socket = loaded(library, "zmq_socket", &missing);
  zmq.close = loaded(library, "zmq_close", &missing);
  zmq.setsockopt = loaded(library, "zmq_setsockopt", &missing);
  zmq.bind = loaded(library, "zmq_bind", &missing);
  zmq.msg_init = loaded(library, "zmq_msg_init", &missing);
  zmq.msg_init_data = loaded(library, "zmq_msg_init_data", &missing);
  zmq.msg_send = loaded(library, "zmq_msg_send", &missing);
  zmq.msg_recv = loaded(library, "zmq_msg_recv", &missing);
  zmq.msg_data = loaded(library, "zmq_msg_data", &missing);
  zmq.msg_size = loaded(library, "zmq_msg_size", &missing);
  zmq.msg_more = loaded(library, "zmq_msg_more", &missing);
  zmq.msg_close = loaded(library, "zmq_msg_close", &missing);
  zmq.send = loaded(library, "zmq_send", &missing);
  zmq.poll = loaded(library, "zmq_poll", &missing);
  zmq.error = loaded(library, "zmq_errno", &missing);
  zmq.strerror = loaded(library, "zmq_strerror", &missing);
  if (missing) {
    snprintf(problem, (size_t)capacity, "libzmq.so.5 has no %s; install Debian's: apt-get install libzmq5", missing);
    return -1;
  }
  zmq.context = zmq.ctx_new();
  if (!zmq.context) {
    snprintf(problem, (size_t)capacity, "ZeroMQ cannot start: %s", zmq.strerror(zmq.error()));
    return -1;
  }
  return 0;
}

static int set_number(void *socket, int option, int value) {
  return zmq.setsockopt(socket, option, &value, sizeof value);
}

void *shim_zmq_listen(enum shim_zmq_kind kind, const char *endpoint, int64_t bytes_max, const char *curve_secret,
                      char *problem, int capacity) {
  static const int types[] = {type_router, type_reply, type_xpub};
  void *socket = zmq.socket(zmq.context, types[kind]);
  int failed = !socket || zmq.setsockopt(socket, option_bytes_max, &bytes_max, sizeof bytes_max) != 0 ||
               set_number(socket, option_linger, 1000) != 0;
  // A client that comes back under its name takes the place of its lost connection.
  if (!failed && kind == SHIM_ZMQ_ROUTER) failed = set_number(socket, option_router_handover, 1) != 0;
  // Every subscription is seen, also that of a topic that has a subscriber, and holds from `shim_zmq_subscribe` on.
  if (!failed && kind == SHIM_ZMQ_PUBLISH) {
    failed = set_number(socket, option_xpub_verbose, 1) != 0 || set_number(socket, option_xpub_keep_all, 1) != 0 ||
             set_number(socket, option_xpub_manual, 1) != 0;
    set_number(socket, option_tcp_silence_max, silence_max);  // where the system can
  }
  if (!failed && curve_secret) {
    failed = set_number(socket, option_curve_server, 1) != 0 ||
             zmq.setsockopt(socket, option_curve_secret, curve_secret, 41) != 0;
  }
  if (!failed) failed = zmq.bind(socket, endpoint) != 0;
  if (!failed) return socket;
  snprintf(problem, (size_t)capacity, "cannot listen at %s: %s", endpoint, zmq.strerror(zmq.error()));
  if (socket) zmq.close(socket);
  return NULL;
}

int shim_zmq_receive(void *socket, void (*frame)(void *, const void *, size_t), void *context) {
  for (int count = 0;; count++) {
    message part;
    zmq.msg_init(&part);
    if (zmq.msg_recv(&part, socket, flag_do_not_wait) < 0) {
      zmq.msg_close(&part);
      return count;
    }
    frame(context, zmq.msg_data(&part), zmq.msg_size(&part));
    int more = zmq.msg_more(&part);
    zmq.msg_close(&part);
    if (!more) return count + 1;
  }
}

enum sending { sending_failed = -1, sending_full = 0, sending_done = 1 };

// Sends frames of a message, to its end or with more to follow. Only the first can find a full queue.
static enum sending send_frames(void *socket, const struct shim_zmq_frame *frames, int count, int is_end) {
  for (int i = 0; i < count; i++) {
    int flags = flag_do_not_wait | (i + 1 < count || !is_end ? flag_more : 0);
    if (zmq.send(socket, frames[i].bytes, frames[i].count, flags) < 0 && i == 0)
      return zmq.error() == EAGAIN ? sending_full : sending_failed;
  }
  return sending_done;
}

int shim_zmq_send(void *socket, const struct shim_zmq_frame *frames, int count) {
  return send_frames(socket, frames, count, 1) != sending_full;
}

// The messages of this round that a queue still holds. ZeroMQ's own threads release them.
static struct {
  pthread_mutex_t lock;
  uintptr_t round;
  int held;
} published = {.lock = PTHREAD_MUTEX_INITIALIZER};

// Adds to what is held, and gives the round. A message of an earlier round does not count.
static uintptr_t hold(uintptr_t round, int change) {
  pthread_mutex_lock(&published.lock);
  if (change > 0 || round == published.round) published.held += change;
  uintptr_t now = published.round;
  pthread_mutex_unlock(&published.lock);
  return now;
}

static void release(void *bytes, void *round) {
  free(bytes);
  hold((uintptr_t)round, -1);
}

int shim_zmq_publish(void *socket, const struct shim_zmq_frame *frames, int count) {
  enum sending sent = send_frames(socket, frames, count - 1, 0);
  if (sent != sending_done) return sent != sending_full;
  // ZeroMQ tells when the last queue has let go of the last frame.
  struct shim_zmq_frame last = frames[count - 1];
  void *copy = malloc(last.count + 1);
  uintptr_t round = hold(0, 1);
  message part;
  if (copy) memcpy(copy, last.bytes, last.count);
  if (!copy || zmq.msg_init_data(&part, copy, last.count, release, (void *)round) != 0) {
    release(copy, (void *)round);
    zmq.send(socket, last.bytes, last.count, flag_do_not_wait);
    return 1;
  }
  if (zmq.msg_send(&part, socket, flag_do_not_wait) < 0) zmq.msg_close(&part);
  return 1;
}

int shim_zmq_published(void) {
  pthread_mutex_lock(&published.lock);
  int held = published.held;
  pthread_mutex_unlock(&published.lock);
  return held;
}

void shim_zmq_count_anew(void) {
  pthread_mutex_lock(&published.lock);
  published.round++;
  published.held = 0;
  pthread_mutex_unlock(&published.lock);
}

void shim_zmq_subscribe(void *socket, const void *topic, size_t count, int on) {
  zmq.setsockopt(socket, on ? option_subscribe : option_unsubscribe, topic, count);
}

void shim_zmq_keep_all(void *socket, int on) { set_number(socket, option_xpub_keep_all, on); }

int shim_zmq_wait(void *const *sockets, int count, int descriptor, long milliseconds, unsigned *ready) {
  poll_item items[sockets_max + 1];
  if (count > sockets_max) count = sockets_max;
  for (int i = 0; i < count; i++) items[i] = (poll_item){sockets[i], 0, poll_in, 0};
  items[count] = (poll_item){NULL, descriptor, poll_in, 0};
  *ready = 0;
  if (zmq.poll(items, count + 1, milliseconds) < 0) return zmq.error() == EINTR ? 0 : -1;
  for (int i = 0; i <= count; i++) *ready |= (items[i].happened & poll_in) ? 1u << i : 0;
  return 0;
}

void shim_zmq_close(void *socket, int linger) {
  set_number(socket, option_linger, linger);
  zmq.close(socket);
}

void shim_zmq_end(void) {
  if (zmq.context) zmq.ctx_term(zmq.context);
  zmq.context = NULL;
}
