// ZeroMQ without linking it: libzmq.so.5 is loaded when a kernel starts, so that nothing else needs it.
//
// A socket belongs to one thread. Every function but `shim_zmq_load` is called only after that has succeeded.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum shim_zmq_kind { SHIM_ZMQ_ROUTER, SHIM_ZMQ_REPLY, SHIM_ZMQ_PUBLISH };

struct shim_zmq_frame {
  const void *_Nullable bytes;
  size_t count;
};

// Loads the library and makes its context. Returns 0, or -1 with a sentence in `problem`.
int shim_zmq_load(char *_Nonnull problem, int capacity);
// A socket that listens at `endpoint`. A frame of more than `bytes_max` bytes ends the connection of its sender.
// `curve_secret` is the secret key of CurveZMQ as 40 characters, or NULL for none. Returns NULL with a sentence in
// `problem`.
void *_Nullable shim_zmq_listen(enum shim_zmq_kind kind, const char *_Nonnull endpoint, int64_t bytes_max,
                                const char *_Nullable curve_secret, char *_Nonnull problem, int capacity);
// Receives one message, if there is one: `frame` is called for each of its frames. Returns the number of frames; 0 for
// none.
int shim_zmq_receive(void *_Nonnull socket,
                     void (*_Nonnull frame)(void *_Nullable context, const void *_Nullable bytes, size_t count),
                     void *_Nullable context);
// Sends one message. Returns 1; 0 where a reader's queue is full and nothing was sent.
int shim_zmq_send(void *_Nonnull socket, const struct shim_zmq_frame *_Nonnull frames, int count);
// Sends one message of at least two frames to the subscribers; returns as `shim_zmq_send`. The message is counted until
// every subscriber's queue has let go of it.
int shim_zmq_publish(void *_Nonnull socket, const struct shim_zmq_frame *_Nonnull frames, int count);
// The messages published since the last `shim_zmq_count_anew` that at least one subscriber's queue holds.
int shim_zmq_published(void);
// Counts no message that was published before.
void shim_zmq_count_anew(void);
// Lets the client, whose message a publisher has received last, have the messages of a topic; or no longer.
void shim_zmq_subscribe(void *_Nonnull socket, const void *_Nullable topic, size_t count, int on);
// Whether a full queue of one reader holds a publisher back (1), or that reader loses messages (0).
void shim_zmq_keep_all(void *_Nonnull socket, int on);
// Waits for messages on the sockets, or for input on a descriptor; forever with `milliseconds` -1. Sets a bit of
// `ready` for each socket, and the bit after them for the descriptor. Returns -1 after an error.
int shim_zmq_wait(void *_Nonnull const *_Nonnull sockets, int count, int descriptor, long milliseconds,
                  unsigned *_Nonnull ready);
// Closes a socket; messages that are under way are sent for at most `linger` milliseconds.
void shim_zmq_close(void *_Nonnull socket, int linger);
// Waits until the closed sockets have sent what they had.
void shim_zmq_end(void);
