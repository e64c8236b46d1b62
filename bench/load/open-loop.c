/*
 * The load maker of the open loop (open-loop.ts says what that is): one thread that sleeps until the next request is due or an answer comes.
 *
 * open-loop ADDRESS PORT PATH BODIES PER_SECOND SECONDS CONNECTIONS
 *
 * BODIES is a file with one body a line, sent in turn. Opens its connections, and then makes a round for each line on standard input. A connection
 * has one request under way; one that is due while none is free leaves as soon as one is. Prints one line of JSON a round, times in milliseconds.
 * Ends with 1 and a reason when a connection broke, an answer was no 200 or an answer did not come.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* Requests due in this part of a round are not counted: caches fill. */
#define WARM_UP 0.25
/* How long is waited for the last answers. */
#define LAST_ANSWERS_NS 30000000000LL
#define ROOM 65536

struct connection {
  int fd;
  int64_t due;
  size_t seen;
  /* Of the answer under way, head and all; 0 = the head is not whole yet. */
  size_t length;
  char answer[ROOM];
};

static void fail(const char *why) {
  fprintf(stderr, "open loop: %s\n", why);
  exit(1);
}

static void *need(void *memory) {
  if (memory == NULL) fail("out of memory");
  return memory;
}

static int64_t now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* The values must be sorted. */
static double quantile(const int64_t *values, size_t count, double share) {
  size_t at = (size_t)(share * (double)count);
  return count == 0 ? 0 : (double)values[at < count ? at : count - 1] / 1e6;
}

/* Whole requests, one a body. */
static char **read_requests(const char *file, const char *path, const char *address, const char *port, size_t *count) {
  FILE *bodies = fopen(file, "r");
  if (bodies == NULL) fail("the bodies cannot be read");
  char **requests = NULL, *line = NULL;
  size_t room = 0;
  ssize_t length;
  for (*count = 0; (length = getline(&line, &room, bodies)) > 0; ++*count) {
    if (line[length - 1] == '\n') line[--length] = 0;
    requests = need(realloc(requests, (*count + 1) * sizeof *requests));
    if (asprintf(&requests[*count], "POST %s HTTP/1.1\r\nhost: %s:%s\r\ncontent-type: application/json\r\ncontent-length: %zd\r\n\r\n%s", path,
                 address, port, length, line) < 0)
      fail("out of memory");
  }
  fclose(bodies);
  if (*count == 0) fail("no bodies");
  return requests;
}

static void open_connection(struct connection *one, const char *address, const char *port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  if (inet_pton(AF_INET, address, &to.sin_addr) != 1) fail("no IPv4 address");
  one->fd = socket(AF_INET, SOCK_STREAM, 0);
  int on = 1;
  if (one->fd < 0 || connect(one->fd, (struct sockaddr *)&to, sizeof to) != 0) fail("a connection was refused");
  setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Takes what has come. Returns whether the answer is whole. */
static int take(struct connection *one) {
  ssize_t got = recv(one->fd, one->answer + one->seen, ROOM - 1 - one->seen, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (got <= 0) fail("a connection was closed, or an answer is too long");
  one->seen += (size_t)got;
  one->answer[one->seen] = 0;
  if (one->length == 0) {
    char *end = strstr(one->answer, "\r\n\r\n");
    if (end == NULL) return 0;
    if (strncmp(one->answer, "HTTP/1.1 200 ", 13) != 0) fail(one->answer);
    char *field = strcasestr(one->answer, "\r\ncontent-length:");
    if (field == NULL || field > end) fail("an answer without content-length");
    one->length = (size_t)(end + 4 - one->answer) + strtoul(field + 17, NULL, 10);
  }
  if (one->seen > one->length) fail("bytes past the end of an answer");
  if (one->seen < one->length) return 0;
  one->seen = one->length = 0;
  return 1;
}

/* What one round sent and how long it took, by the requests that are counted. */
struct round {
  size_t sent, counted, lates;
  int64_t *latency, *late;
};

static void run(struct round *round, struct connection *all, size_t connections, char **requests, size_t kinds, double interval, size_t total) {
  size_t counted_from = (size_t)(WARM_UP * (double)total), due = 0, answered = 0;
  /* A ring of those that are free, the one that waits longest first. */
  struct connection **idle = need(calloc(connections, sizeof *idle));
  size_t first_idle = 0, idle_count = connections;
  for (size_t k = 0; k < connections; k++) idle[k] = &all[k];
  struct epoll_event events[64];
  int poll = epoll_create1(0);
  for (size_t k = 0; k < connections; k++)
    epoll_ctl(poll, EPOLL_CTL_ADD, all[k].fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = &all[k]});

  round->sent = round->counted = round->lates = 0;
  int64_t start = now() + 1000000;
  while (answered < total) {
    int64_t at = now(), next;
    while ((next = start + (int64_t)((double)due * interval), due < total && next <= at) || (round->sent < due && idle_count > 0)) {
      /* How late it is noticed is our own doing; that no connection is free is the server's, and in its latency. */
      if (due < total && next <= at && due++ >= counted_from) round->late[round->lates++] = at - next;
      if (idle_count > 0) {
        struct connection *one = idle[first_idle];
        first_idle = (first_idle + 1) % connections;
        idle_count--;
        one->due = start + (int64_t)((double)round->sent * interval);
        const char *request = requests[round->sent++ % kinds];
        ssize_t length = (ssize_t)strlen(request);
        if (send(one->fd, request, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT) != length) fail("a request could not be sent at once");
      }
      at = now();
    }
    int64_t wait = due < total ? next - at : LAST_ANSWERS_NS;
    struct timespec timeout = {.tv_sec = wait / 1000000000LL, .tv_nsec = wait % 1000000000LL};
    int ready = epoll_pwait2(poll, events, 64, &timeout, NULL);
    if (ready < 0 && errno != EINTR) fail("waiting failed");
    if (ready == 0 && due == total) fail("answers did not come");
    for (int k = 0; k < ready; k++) {
      struct connection *one = events[k].data.ptr;
      if (!take(one)) continue;
      answered++;
      if (one->due >= start + (int64_t)((double)counted_from * interval)) round->latency[round->counted++] = now() - one->due;
      idle[(first_idle + idle_count++) % connections] = one;
    }
  }
  close(poll);
  free(idle);
}

int main(int argc, char **argv) {
  if (argc != 8) fail("ADDRESS PORT PATH BODIES PER_SECOND SECONDS CONNECTIONS");
  double interval = 1e9 / atof(argv[5]), seconds = atof(argv[6]);
  size_t connections = strtoul(argv[7], NULL, 10), kinds, total = (size_t)(seconds * 1e9 / interval);
  char **requests = read_requests(argv[4], argv[3], argv[1], argv[2], &kinds);
  struct round round = {.latency = need(calloc(total, sizeof(int64_t))), .late = need(calloc(total, sizeof(int64_t)))};
  struct connection *all = need(calloc(connections, sizeof *all));
  for (size_t k = 0; k < connections; k++) open_connection(&all[k], argv[1], argv[2]);

  /* By default the kernel may wake us 50 µs late to save power. */
  prctl(PR_SET_TIMERSLACK, 1UL);
  /* A round for each line that comes. */
  for (int character; (character = getchar()) != EOF;) {
    if (character != '\n') continue;
    run(&round, all, connections, requests, kinds, interval, total);
    qsort(round.latency, round.counted, sizeof *round.latency, ascending);
    qsort(round.late, round.lates, sizeof *round.late, ascending);
    printf("{\"sent\":%zu,\"p50Ms\":%.4f,\"p99Ms\":%.4f,\"maxMs\":%.4f,\"lateP50Ms\":%.4f,\"lateP99Ms\":%.4f,\"lateMaxMs\":%.4f}\n", round.sent,
           quantile(round.latency, round.counted, 0.5), quantile(round.latency, round.counted, 0.99), quantile(round.latency, round.counted, 1),
           quantile(round.late, round.lates, 0.5), quantile(round.late, round.lates, 0.99), quantile(round.late, round.lates, 1));
    fflush(stdout);
  }
  return 0;
}
