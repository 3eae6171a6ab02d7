/* The load: many WebSocket connections that one thread keeps busy.
 *
 * Python opens the connections and greets (it has the signatures); this takes over the sockets,
 * sends batches either as fast as acks allow or evenly paced, reads acks, and looks at the server's
 * CPU at both ends of the measured window, so that counts and CPU belong together.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { IN_BYTES = 16384, RING = 256, BUCKETS = 400, MAX_HEAD = 128 };

struct plan {
  int32_t connections;
  int32_t server_pid;
  int32_t window;     /* unacked batches a connection keeps, saturated */
  int32_t paced;      /* 1: one batch per connection and period */
  int32_t pool;       /* sealed ciphertexts to choose from */
  int32_t signals;
  double period_s;
  double warm_s;
  double measure_s;
  double drain_s;
};

struct result {
  int64_t sent, acked, drained; /* sent and acked in the window; acked in all */
  int64_t sent_all, bytes, acks, refused, closed, other, late;
  double wall_s, server_cpu_s, client_cpu_s;
  double worst_late_s;
  int64_t histogram[BUCKETS]; /* ack latency of the window, 5 % a bucket from 10 us */
};

struct connection {
  int fd;
  int open;
  uint32_t announced, acked; /* seqs */
  uint8_t segment[16];
  double sent_at[RING];
  uint8_t *in;
  int in_length;
  uint8_t *out; /* what the socket did not take */
  int out_length, out_at;
};

static double now_s(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec + at.tv_nsec * 1e-9;
}

/* CPU of all threads of a process, in seconds: nanosecond counters of the scheduler. */
double process_cpu_s(int pid) {
  char path[300];
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR *folder = opendir(path);
  if (!folder) return -1;
  double total = 0;
  struct dirent *entry;
  while ((entry = readdir(folder))) {
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, entry->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    unsigned long long run = 0;
    if (fscanf(file, "%llu", &run) == 1) total += run * 1e-9;
    fclose(file);
  }
  closedir(folder);
  return total;
}

static double own_cpu_s(void) {
  struct rusage used;
  getrusage(RUSAGE_THREAD, &used);
  return used.ru_utime.tv_sec + used.ru_stime.tv_sec +
         (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static int bucket(double seconds) {
  double from = 1e-5;
  int at = 0;
  while (seconds > from && at < BUCKETS - 1) from *= 1.05, at++;
  return at;
}

static uint64_t state = 88172645463325252ull;
static uint64_t draw(void) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return state;
}

/* One masked WebSocket frame around [37, seq, segment, signals, nonce, ciphertext]; its length. */
static int batch_frame(uint8_t *to, uint32_t seq, const uint8_t *segment, int signals,
                       const uint8_t *sealed, int sealed_length) {
  uint8_t head[MAX_HEAD];
  int n = 0;
  head[n++] = 0x96;
  head[n++] = 37;
  if (seq < 128) {
    head[n++] = seq;
  } else if (seq < 256) {
    head[n++] = 0xcc, head[n++] = seq;
  } else if (seq < 65536) {
    head[n++] = 0xcd, head[n++] = seq >> 8, head[n++] = seq;
  } else {
    head[n++] = 0xce, head[n++] = seq >> 24, head[n++] = seq >> 16, head[n++] = seq >> 8,
    head[n++] = seq;
  }
  head[n++] = 0xc4, head[n++] = 16;
  memcpy(head + n, segment, 16), n += 16;
  if (signals < 128) {
    head[n++] = signals;
  } else {
    head[n++] = 0xcc, head[n++] = signals;
  }
  head[n++] = 0xc4, head[n++] = 12;
  for (int i = 0; i < 12; i++) head[n++] = draw() >> 24;
  if (sealed_length < 256) {
    head[n++] = 0xc4, head[n++] = sealed_length;
  } else {
    head[n++] = 0xc5, head[n++] = sealed_length >> 8, head[n++] = sealed_length;
  }
  int length = n + sealed_length, at = 0;
  to[at++] = 0x82;
  if (length < 126) {
    to[at++] = 0x80 | length;
  } else {
    to[at++] = 0x80 | 126, to[at++] = length >> 8, to[at++] = length;
  }
  uint8_t mask[4];
  uint32_t word = (uint32_t)draw() | 0x01010101;
  memcpy(mask, &word, 4);
  memcpy(to + at, mask, 4), at += 4;
  uint8_t *body = to + at;
  memcpy(body, head, n);
  memcpy(body + n, sealed, sealed_length);
  int i = 0;
  uint64_t wide = (uint64_t)word << 32 | word;
  for (; i + 8 <= length; i += 8) {
    uint64_t part;
    memcpy(&part, body + i, 8);
    part ^= wide;
    memcpy(body + i, &part, 8);
  }
  for (; i < length; i++) body[i] ^= mask[i & 3];
  return at + length;
}

static const uint8_t *pool_bytes;
static const uint32_t *pool_offsets;
static struct plan plan;
static struct result *out;
static int epoll_fd;
static int measuring;

static void lost(struct connection *c) {
  if (!c->open) return;
  c->open = 0;
  out->closed++;
  epoll_ctl(epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
}

static void flush(struct connection *c) {
  while (c->out_at < c->out_length) {
    ssize_t done = send(c->fd, c->out + c->out_at, c->out_length - c->out_at, MSG_NOSIGNAL);
    if (done < 0) {
      if (errno == EAGAIN) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
        epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
        return;
      }
      lost(c);
      return;
    }
    c->out_at += done;
  }
  c->out_at = c->out_length = 0;
}

static void send_batches(struct connection *c, int count, double at) {
  static uint8_t buffer[RING * 2048];
  int length = 0;
  if (!c->open || c->out_length) return;
  for (int k = 0; k < count; k++) {
    int pick = draw() % plan.pool;
    const uint8_t *sealed = pool_bytes + pool_offsets[pick];
    int size = pool_offsets[pick + 1] - pool_offsets[pick];
    c->announced++;
    c->sent_at[c->announced % RING] = at;
    int frame = batch_frame(buffer + length, c->announced, c->segment, plan.signals, sealed, size);
    length += frame;
    out->bytes += frame;
  }
  out->sent_all += count;
  if (measuring) out->sent += count;
  ssize_t done = send(c->fd, buffer, length, MSG_NOSIGNAL);
  if (done < 0 && errno != EAGAIN) {
    lost(c);
    return;
  }
  if (done < 0) done = 0;
  if (done < length) {
    c->out = realloc(c->out, length - done);
    memcpy(c->out, buffer + done, length - done);
    c->out_length = length - done, c->out_at = 0;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
  }
}

static void take_message(struct connection *c, const uint8_t *body, int length, double at) {
  if (length < 3 || body[0] != 0x93 || body[1] != 3) {
    out->other++;
    return;
  }
  uint32_t through = 0;
  int n = 3;
  if (body[2] < 128) through = body[2];
  else if (body[2] == 0xcc) through = body[3], n = 4;
  else if (body[2] == 0xcd) through = body[3] << 8 | body[4], n = 5;
  else if (body[2] == 0xce)
    through = (uint32_t)body[3] << 24 | body[4] << 16 | body[5] << 8 | body[6], n = 7;
  else out->other++;
  if (n < length && body[n] != 0x90) out->refused++;
  out->acks++;
  if (through > c->announced) {
    out->other++;
    return;
  }
  while (c->acked < through) {
    c->acked++;
    out->drained++;
    if (!measuring) continue;
    out->acked++;
    out->histogram[bucket(at - c->sent_at[c->acked % RING])]++;
  }
}

static void take(struct connection *c, double at) {
  for (;;) {
    ssize_t got = recv(c->fd, c->in + c->in_length, IN_BYTES - c->in_length, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      lost(c);
      return;
    }
    c->in_length += got;
    int done = 0;
    while (c->in_length - done >= 2) {
      const uint8_t *frame = c->in + done;
      int opcode = frame[0] & 15, length = frame[1] & 127, head = 2;
      if (length == 126) {
        if (c->in_length - done < 4) break;
        length = frame[2] << 8 | frame[3], head = 4;
      }
      if (length == 127 || opcode == 8) {
        lost(c);
        return;
      }
      if (c->in_length - done < head + length) break;
      if (opcode == 2) take_message(c, frame + head, length, at);
      else out->other++;
      done += head + length;
    }
    memmove(c->in, c->in + done, c->in_length -= done);
    if (got < 4096) return;
  }
}

int run_load(const struct plan *given, const int *fds, const uint8_t *segments,
             const uint8_t *pool, const uint32_t *offsets, struct result *result) {
  plan = *given, pool_bytes = pool, pool_offsets = offsets, out = result;
  memset(out, 0, sizeof *out);
  measuring = 0;
  int n = plan.connections;
  struct connection *all = calloc(n, sizeof *all);
  int *order = malloc(n * sizeof *order);
  epoll_fd = epoll_create1(0);
  for (int i = 0; i < n; i++) {
    struct connection *c = all + i;
    c->fd = fds[i], c->open = 1, c->in = malloc(IN_BYTES);
    memcpy(c->segment, segments + 16 * i, 16);
    fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event)) return -1;
    order[i] = i;
  }
  for (int i = n - 1; i > 0; i--) {
    int j = draw() % (i + 1), t = order[i];
    order[i] = order[j], order[j] = t;
  }
  double start = now_s(), from = start + plan.warm_s, until = from + plan.measure_s;
  double end = until + plan.drain_s, server = 0, own = 0, began = 0;
  double step = plan.period_s / n;
  int64_t turn = 0;
  int sending = 1;
  if (!plan.paced)
    for (int i = 0; i < n; i++) send_batches(all + i, plan.window, now_s());
  struct epoll_event events[512];
  for (;;) {
    double at = now_s();
    if (!measuring && sending && at >= from) {
      measuring = 1, began = at, server = process_cpu_s(plan.server_pid), own = own_cpu_s();
    }
    if (measuring && at >= until) {
      measuring = 0, sending = 0;
      out->wall_s = at - began;
      out->server_cpu_s = process_cpu_s(plan.server_pid) - server;
      out->client_cpu_s = own_cpu_s() - own;
    }
    if (!sending && (at >= end || out->drained == out->sent_all)) break;
    double wait = 0.005;
    if (plan.paced && sending) {
      double due;
      while ((due = start + turn * step) <= at) {
        if (measuring && at - due > 0.002) {
          out->late++;
          if (at - due > out->worst_late_s) out->worst_late_s = at - due;
        }
        struct connection *c = all + order[turn % n];
        if (c->announced - c->acked < RING - 1) send_batches(c, 1, at);
        turn++;
      }
      wait = due - at;
    }
    if (wait > 0.005) wait = 0.005;
    struct timespec limit = {.tv_nsec = wait * 1e9};
    int ready = epoll_pwait2(epoll_fd, events, 512, &limit, NULL);
    at = now_s();
    for (int k = 0; k < ready; k++) {
      struct connection *c = events[k].data.ptr;
      if (!c->open) continue;
      if (events[k].events & EPOLLOUT) {
        flush(c);
        if (c->open && !c->out_length) {
          struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
          epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
        }
      }
      if (c->open && events[k].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) take(c, at);
      if (!plan.paced && sending) {
        int room = plan.window - (int)(c->announced - c->acked);
        if (room > 0) send_batches(c, room, at);
      }
    }
  }
  for (int i = 0; i < n; i++) free(all[i].in), free(all[i].out);
  free(all), free(order), close(epoll_fd);
  return 0;
}
