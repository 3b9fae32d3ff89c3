// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "base/parse.h"
#include "proxy/link.h"

// A TCP proxy that misbehaves on demand, between our programs and a server on 127.0.0.1. Commands
// come as lines on a control port, each is answered by a line; a control connection may stay open.
// One thread polls everything.

static const char usage[] =
    "usage: retentionai-proxy --listen PORT --to PORT --control PORT [--kafka]\n"
    "\n"
    "Passes connections to 127.0.0.1:LISTEN on to 127.0.0.1:TO. Lines on the control port:\n"
    "  delay MS [JITTER_MS]   each piece of data waits so long, and up to JITTER_MS more\n"
    "  cut                    every connection is reset, but held ones\n"
    "  end client|server      every connection is half closed, as if that side had done it\n"
    "  blackhole on|off       nothing passes and nobody is told\n"
    "  refuse on|off          new connections are closed at once\n"
    "  hold KEY [SKIP]        the next Kafka request with that ApiKey (after SKIP others) is kept "
    "back,\n"
    "                         its connection stands still, others pass (needs --kafka)\n"
    "  release                what is held goes on to the server, also when its client is gone\n"
    "  error KEY CODE [SKIP]  the answer to the next Kafka request with that ApiKey (after SKIP "
    "others) tells\n"
    "                         this error code; the broker has done what was asked (needs --kafka)\n"
    "  errors KEY CODE        so does each answer to such a request, until heal (needs --kafka)\n"
    "  forget                 what is held is thrown away, its connection reset\n"
    "  status                 links=N held=N late=N (requests that were answered after their "
    "client had\n"
    "                         gone) errors=N (answers that were changed); with --kafka also "
    "KEY=COUNT, the requests of each kind\n"
    "  heal                   no more delay, blackhole, refusing, holding and errors; what is held "
    "is "
    "thrown away\n";

enum { LINKS_MAX = 1000, CONTROLS_MAX = 8, LINE_MAX_BYTES = 200, ANSWER_MAX = 2000 };

struct control {
    int fd;
    size_t len;
    char line[LINE_MAX_BYTES + 1];
};

struct proxy {
    int64_t listen_port, to_port, control_port;
    bool is_kafka;
    int listener, control_listener;
    struct faults faults;
    struct link *links[LINKS_MAX];
    size_t link_count;
    struct control controls[CONTROLS_MAX];
    size_t control_count;
    uint64_t requests[LINK_KEYS], late, errors;
    struct pollfd polls[2 + CONTROLS_MAX + 2 * LINKS_MAX];
};

static struct sockaddr_in address_of(int64_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listen_on(int64_t port)
{
    const struct sockaddr_in address = address_of(port);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 256) != 0) {
        fprintf(stderr, "retentionai-proxy: port %lld: %s\n", (long long)port, strerror(errno));
        exit(1);
    }
    return fd;
}

static void drop(struct proxy *proxy, size_t at, bool is_cut)
{
    if (is_cut)
        link_cut(proxy->links[at]);
    else
        link_free(proxy->links[at]);
    proxy->links[at] = proxy->links[--proxy->link_count];
}

static void accept_link(struct proxy *proxy)
{
    int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0)
        return;
    const struct sockaddr_in address = address_of(proxy->to_port);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    // A server of this machine answers at once, or is not there.
    if (proxy->faults.refuses || proxy->link_count == LINKS_MAX ||
        connect(server, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(client);
        close(server);
        return;
    }
    proxy->links[proxy->link_count++] = link_new(client, server, proxy->is_kafka);
}

static void cut_all(struct proxy *proxy, bool are_held)
{
    for (size_t i = proxy->link_count; i-- > 0;)
        if (proxy->links[i]->is_held == are_held)
            drop(proxy, i, true);
}

static void end_all(struct proxy *proxy, bool is_client)
{
    for (size_t i = 0; i < proxy->link_count; i++)
        link_end(is_client ? &proxy->links[i]->up : &proxy->links[i]->down);
}

static size_t held_count(const struct proxy *proxy)
{
    size_t count = 0;
    for (size_t i = 0; i < proxy->link_count; i++)
        count += proxy->links[i]->is_held;
    return count;
}

static void write_status(const struct proxy *proxy, char *answer)
{
    int len = snprintf(answer, ANSWER_MAX, "ok links=%zu held=%zu late=%llu errors=%llu",
                       proxy->link_count, held_count(proxy), (unsigned long long)proxy->late,
                       (unsigned long long)proxy->errors);
    for (int key = 0; key < LINK_KEYS && len < ANSWER_MAX - 40; key++)
        if (proxy->requests[key] > 0)
            len += snprintf(answer + len, (size_t)(ANSWER_MAX - len), " %d=%llu", key,
                            (unsigned long long)proxy->requests[key]);
}

static bool is_word(const char *word, const char *a, const char *b, bool *ret_is_a)
{
    *ret_is_a = strcmp(word, a) == 0;
    return *ret_is_a || strcmp(word, b) == 0;
}

// False: no such command.
static bool obey_numbers(struct proxy *proxy, const char *word, int64_t first, int64_t second,
                         int64_t third)
{
    bool is_one = false;
    if (strcmp(word, "delay") == 0) {
        proxy->faults.delay_ms = first;
        proxy->faults.jitter_ms = second;
    } else if (strcmp(word, "hold") == 0 && proxy->is_kafka) {
        proxy->faults.hold_key = (int)first;
        proxy->faults.hold_skip = (int)second;
    } else if (is_word(word, "error", "errors", &is_one) && proxy->is_kafka) {
        proxy->faults.error_key = (int)first;
        proxy->faults.error_code = (int)second;
        proxy->faults.error_skip = (int)third;
        proxy->faults.errors_last = !is_one;
    } else {
        return false;
    }
    return true;
}

static bool obey_word(struct proxy *proxy, const char *word)
{
    if (strcmp(word, "cut") == 0) {
        cut_all(proxy, false);
    } else if (strcmp(word, "release") == 0) {
        for (size_t i = 0; i < proxy->link_count; i++)
            link_release(proxy->links[i], clock_mono_ms());
    } else if (strcmp(word, "forget") == 0) {
        cut_all(proxy, true);
    } else if (strcmp(word, "heal") == 0) {
        proxy->faults = (struct faults){.hold_key = -1, .error_key = -1};
        cut_all(proxy, true);
    } else {
        return strcmp(word, "status") == 0;
    }
    return true;
}

static void obey(struct proxy *proxy, const char *line, char *answer)
{
    char word[16] = "", what[16] = "";
    long long first = 0, second = 0, third = 0;
    bool is_first = false;
    int numbers = sscanf(line, "%15s %lld %lld %lld", word, &first, &second, &third) - 1;
    bool is_obeyed = false;
    if (numbers >= 1)
        is_obeyed = first >= 0 && third >= 0 && obey_numbers(proxy, word, first, second, third);
    else if (sscanf(line, "%15s %15s", word, what) == 1)
        is_obeyed = obey_word(proxy, word);
    else if (strcmp(word, "end") == 0 && (is_obeyed = is_word(what, "client", "server", &is_first)))
        end_all(proxy, is_first);
    else if (strcmp(word, "blackhole") == 0 && (is_obeyed = is_word(what, "on", "off", &is_first)))
        proxy->faults.is_blackhole = is_first;
    else if (strcmp(word, "refuse") == 0 && (is_obeyed = is_word(what, "on", "off", &is_first)))
        proxy->faults.refuses = is_first;
    if (is_obeyed)
        write_status(proxy, answer);
    else
        snprintf(answer, ANSWER_MAX, "unknown: %s", line);
}

// Whole lines; false when the connection is to be closed.
static bool serve_control(struct proxy *proxy, struct control *control)
{
    ssize_t got = recv(control->fd, control->line + control->len, LINE_MAX_BYTES - control->len, 0);
    if (got <= 0)
        return false;
    control->len += (size_t)got;
    control->line[control->len] = '\0';
    char *end = NULL;
    while ((end = strchr(control->line, '\n')) != NULL) {
        char answer[ANSWER_MAX + 2];
        *end = '\0';
        obey(proxy, control->line, answer);
        strcat(answer, "\n");
        if (send(control->fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
            return false;
        control->len -= (size_t)(end + 1 - control->line);
        memmove(control->line, end + 1, control->len + 1);
    }
    return control->len < LINE_MAX_BYTES;
}

static void accept_control(struct proxy *proxy)
{
    int fd = accept4(proxy->control_listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (proxy->control_count == CONTROLS_MAX) {
        close(fd);
        return;
    }
    proxy->controls[proxy->control_count++] = (struct control){.fd = fd};
}

static short wants(bool reads, const struct flow *writes, int64_t now_ms)
{
    int64_t due_ms = link_due_ms(writes);
    return (short)((reads ? POLLIN : 0) | (due_ms >= 0 && due_ms <= now_ms ? POLLOUT : 0));
}

// The sockets of each link, and how long nothing is due.
static size_t fill_polls(struct proxy *proxy, int64_t now_ms, int *ret_wait_ms)
{
    size_t count = 0;
    int64_t next_ms = -1;
    proxy->polls[count++] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
    proxy->polls[count++] = (struct pollfd){.fd = proxy->control_listener, .events = POLLIN};
    for (size_t i = 0; i < proxy->control_count; i++)
        proxy->polls[count++] = (struct pollfd){.fd = proxy->controls[i].fd, .events = POLLIN};
    for (size_t i = 0; i < proxy->link_count; i++) {
        const struct link *link = proxy->links[i];
        struct pollfd *client = &proxy->polls[count++], *server = &proxy->polls[count++];
        *client = (struct pollfd){.fd = -1};
        *server = (struct pollfd){.fd = -1};
        if (proxy->faults.is_blackhole)
            continue;
        client->events =
            wants(!link->up.is_ended && link->up.queued < LINK_QUEUE_BYTES, &link->down, now_ms);
        server->events =
            wants(!link->down.is_ended && link->down.queued < LINK_QUEUE_BYTES, &link->up, now_ms);
        // A socket that nothing is wanted of would tell of its end in every poll.
        client->fd = client->events != 0 ? link->client : -1;
        server->fd = server->events != 0 ? link->server : -1;
        const int64_t due[] = {link_due_ms(&link->up), link_due_ms(&link->down)};
        for (size_t side = 0; side < ARRAY_LEN(due); side++)
            if (due[side] > now_ms && (next_ms < 0 || due[side] < next_ms))
                next_ms = due[side];
    }
    *ret_wait_ms = next_ms < 0 ? 1000 : (int)(next_ms - now_ms);
    return count;
}

static void serve_links(struct proxy *proxy, size_t polls_at)
{
    // From the last: a link that goes is replaced by the last one, which has been served.
    for (size_t i = proxy->link_count; i-- > 0;) {
        struct link *link = proxy->links[i];
        const struct pollfd *client = &proxy->polls[polls_at + 2 * i], *server = client + 1;
        int64_t now_ms = clock_mono_ms();
        bool is_whole = true;
        if ((client->revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !link->up.is_ended)
            is_whole = link_read_client(link, &proxy->faults, now_ms, proxy->requests);
        if ((server->revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !link->down.is_ended)
            is_whole = link_read_server(link, &proxy->faults, now_ms, &proxy->errors) && is_whole;
        is_whole = is_whole && (proxy->faults.is_blackhole || link_write(link, now_ms));
        if (!is_whole || link_is_over(link)) {
            proxy->late += link->was_answered;
            drop(proxy, i, !is_whole);
        }
    }
}

static void turn(struct proxy *proxy)
{
    int wait_ms = 0;
    size_t links_at = 2 + proxy->control_count;
    size_t count = fill_polls(proxy, clock_mono_ms(), &wait_ms);
    if (poll(proxy->polls, count, wait_ms) < 0)
        return;
    serve_links(proxy, links_at);
    for (size_t i = proxy->control_count; i-- > 0;)
        if (proxy->polls[2 + i].revents != 0 && !serve_control(proxy, &proxy->controls[i])) {
            close(proxy->controls[i].fd);
            proxy->controls[i] = proxy->controls[--proxy->control_count];
        }
    if (proxy->polls[0].revents != 0)
        accept_link(proxy);
    if (proxy->polls[1].revents != 0)
        accept_control(proxy);
}

static bool read_arguments(struct proxy *proxy, int argc, char **argv)
{
    const struct {
        const char *name;
        int64_t *port;
    } ports[] = {{"--listen", &proxy->listen_port},
                 {"--to", &proxy->to_port},
                 {"--control", &proxy->control_port}};
    for (int i = 1; i < argc; i++) {
        bool is_known = strcmp(argv[i], "--kafka") == 0;
        proxy->is_kafka |= is_known;
        for (size_t p = 0; p < ARRAY_LEN(ports) && !is_known; p++)
            if (strcmp(argv[i], ports[p].name) == 0 && i + 1 < argc)
                is_known = parse_i64(bytes_from_string(argv[++i]), 1, 65535, ports[p].port, NULL) ==
                           ERR_OK;
        if (!is_known)
            return false;
    }
    return proxy->listen_port > 0 && proxy->to_port > 0 && proxy->control_port > 0;
}

int main(int argc, char **argv)
{
    struct proxy *proxy = mem_zalloc(sizeof *proxy);
    bool is_help = argc == 2 && strcmp(argv[1], "--help") == 0;
    if (is_help || !read_arguments(proxy, argc, argv)) {
        fputs(usage, is_help ? stdout : stderr);
        return is_help ? 0 : 2;
    }
    proxy->faults.hold_key = proxy->faults.error_key = -1;
    proxy->listener = listen_on(proxy->listen_port);
    proxy->control_listener = listen_on(proxy->control_port);
    for (;;)
        turn(proxy);
}
