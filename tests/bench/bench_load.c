// SPDX-License-Identifier: MIT
// The HTTP load of tests/bench/gateway: CONNECTIONS kept connections to one server, one thread.
// RATE 0: closed loop, each connection asks again as soon as it was answered. Else an open loop of
// RATE requests a second: a request has its time, waits for a free connection where there is none,
// and its latency counts from that time, so a server that stalls does not silence its own load.
//
// Every answer is read and checked: the status, the probability within 1e-9 where the case has one,
// the connection kept. Anything else ends the program with a failing status.

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "base/parse.h"
#include "cases.h"
#include "samples.h"

enum { ANSWER_MAX = 65536, EVENTS = 256, STALL_MS = 60000, CONNECTIONS_MAX = 10000 };
static const double tolerance = 1e-9;

struct connection {
    int fd;
    const struct case_ *asked; // NULL: free
    int64_t begun_ns;
    size_t sent, len;
    char answer[ANSWER_MAX + 1];
};

struct load {
    struct cases cases;
    struct samples samples;
    struct connection *connections;
    struct connection **free; // a stack
    size_t connection_count, free_count, busy;
    int epoll, timer;
    int64_t rate, begin_ns, next; // open loop: requests that had their turn
    uint64_t asked;
};

static void fail(const char *what, const struct connection *connection)
{
    fprintf(stderr, "bench-load: %s; %.*s\n", what,
            connection == NULL ? 0 : (int)(connection->len < 600 ? connection->len : 600),
            connection == NULL ? "" : connection->answer);
    exit(1);
}

// ---- asking

static void send_rest(struct connection *connection)
{
    const struct case_ *asked = connection->asked;
    while (connection->sent < asked->len) {
        ssize_t n = send(connection->fd, asked->bytes + connection->sent,
                         asked->len - connection->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return; // EPOLLOUT comes
        if (n <= 0)
            fail("a connection was closed while a request was sent", NULL);
        connection->sent += (size_t)n;
    }
}

static void ask(struct load *load, struct connection *connection, int64_t begun_ns)
{
    connection->asked = &load->cases.list[load->asked++ % load->cases.count];
    connection->begun_ns = begun_ns;
    connection->sent = connection->len = 0;
    load->busy++;
    send_rest(connection);
}

static int64_t due_ns(const struct load *load, int64_t number)
{
    return load->begin_ns + number * 1000000000 / load->rate;
}

// Open loop: whatever is due, as far as connections are free.
static void ask_due(struct load *load, int64_t now_ns)
{
    while (load->free_count > 0 && due_ns(load, load->next) <= now_ns)
        ask(load, load->free[--load->free_count], due_ns(load, load->next++));
    int64_t at_ns = due_ns(load, load->next);
    // Without a free connection the next answer looks again.
    const struct itimerspec when = {
        .it_value = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000}};
    if (load->free_count > 0 && timerfd_settime(load->timer, TFD_TIMER_ABSTIME, &when, NULL) != 0)
        fail("timer", NULL);
}

// ---- answers

// The bytes of the whole answer; 0: its head is not complete.
static size_t whole_len(const struct connection *connection)
{
    const char *end = strstr(connection->answer, "\r\n\r\n");
    if (end == NULL)
        return 0;
    const char *line = strcasestr(connection->answer, "\r\ncontent-length:");
    size_t body = 0;
    if (line != NULL && line < end)
        body = strtoul(line + 17, NULL, 10);
    else if (strncmp(connection->answer, "HTTP/1.1 204", 12) != 0)
        fail("an answer without Content-Length", connection);
    return (size_t)(end - connection->answer) + 4 + body;
}

static void check(const struct connection *connection)
{
    static const char key[] = "\"churn_probability\":";
    const struct case_ *asked = connection->asked;
    if (strncmp(connection->answer, "HTTP/1.1 ", 9) != 0 ||
        strtol(connection->answer + 9, NULL, 10) != asked->status)
        fail("another status than asked for", connection);
    if (!asked->has_probability)
        return;
    const char *at = strstr(connection->answer, key);
    if (at == NULL || !(fabs(strtod(at + sizeof key - 1, NULL) - asked->probability) <= tolerance))
        fail("a wrong probability", connection);
}

static bool is_over(struct load *load)
{
    return load->samples.has_closed;
}

static void answered(struct load *load, struct connection *connection)
{
    int64_t now_ns = clock_mono_ns();
    check(connection);
    connection->asked = NULL;
    load->busy--;
    samples_add(&load->samples, connection->begun_ns, now_ns);
    if (load->rate == 0 && !is_over(load)) {
        ask(load, connection, now_ns);
        return;
    }
    load->free[load->free_count++] = connection;
    if (load->rate > 0 && !is_over(load))
        ask_due(load, now_ns);
}

static void read_answer(struct load *load, struct connection *connection)
{
    ssize_t n = recv(connection->fd, connection->answer + connection->len,
                     ANSWER_MAX - connection->len, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 && connection->asked == NULL && is_over(load))
        return; // kept longer than it was needed
    if (n <= 0)
        fail("a connection was closed", connection);
    if (connection->asked == NULL)
        fail("an answer that nobody asked for", connection);
    connection->len += (size_t)n;
    connection->answer[connection->len] = '\0';
    size_t whole = whole_len(connection);
    if (whole > ANSWER_MAX || (whole > 0 && connection->len > whole))
        fail("an answer that is too long", connection);
    if (whole > 0 && connection->len == whole)
        answered(load, connection);
}

// ---- the run

static void connect_all(struct load *load, uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(load->epoll, EPOLL_CTL_ADD, load->timer, &event);
    for (size_t i = 0; i < load->connection_count; i++) {
        struct connection *connection = &load->connections[i];
        connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (connect(connection->fd, (const struct sockaddr *)&address, sizeof address) != 0)
            fail("cannot connect", NULL);
        event =
            (struct epoll_event){.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = connection};
        epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event);
        load->free[load->free_count++] = connection;
    }
}

static void turn(struct load *load)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(load->epoll, events, EVENTS, STALL_MS);
    if (count == 0)
        fail("no answer for a minute", NULL);
    for (int i = 0; i < count; i++) {
        struct connection *connection = events[i].data.ptr;
        uint64_t expired = 0;
        if (connection == NULL) {
            if (read(load->timer, &expired, sizeof expired) > 0 && !is_over(load))
                ask_due(load, clock_mono_ns());
            continue;
        }
        if ((events[i].events & EPOLLOUT) != 0 && connection->asked != NULL)
            send_rest(connection);
        if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
            read_answer(load, connection);
    }
    samples_look(&load->samples, clock_mono_ns());
}

static void run(struct load *load)
{
    load->begin_ns = clock_mono_ns();
    if (load->rate > 0)
        ask_due(load, load->begin_ns);
    while (load->rate == 0 && load->free_count > 0)
        ask(load, load->free[--load->free_count], clock_mono_ns());
    while (!is_over(load) || load->busy > 0)
        turn(load);
    for (size_t i = 0; i < load->connection_count; i++)
        close(load->connections[i].fd);
    close(load->timer);
    close(load->epoll);
}

int main(int argc, char **argv)
{
    int64_t port = 0, connections = 0, warm_ms = 0, window_ms = 0, pid = 0;
    struct load load = {0};
    if (argc != 8 || parse_i64(bytes_from_string(argv[1]), 1, 65535, &port, NULL) != ERR_OK ||
        parse_i64(bytes_from_string(argv[2]), 1, CONNECTIONS_MAX, &connections, NULL) != ERR_OK ||
        parse_i64(bytes_from_string(argv[3]), 0, 1000000, &load.rate, NULL) != ERR_OK ||
        parse_duration_ms(bytes_from_string(argv[4]), &warm_ms, NULL) != ERR_OK ||
        parse_duration_ms(bytes_from_string(argv[5]), &window_ms, NULL) != ERR_OK ||
        parse_i64(bytes_from_string(argv[6]), 0, INT32_MAX, &pid, NULL) != ERR_OK ||
        !cases_read(argv[7], &load.cases)) {
        fprintf(stderr, "usage: bench-load PORT CONNECTIONS RATE WARM WINDOW PID-OR-0 CASES\n");
        return 2;
    }
    load.connection_count = (size_t)connections;
    load.connections = mem_array(load.connection_count, sizeof *load.connections);
    load.free = mem_array(load.connection_count, sizeof *load.free);
    connect_all(&load, (uint16_t)port);
    load.samples = samples_begin(warm_ms, window_ms, (long)pid);
    run(&load);
    bool is_good = samples_end(&load.samples);
    cases_free(&load.cases);
    free(load.free);
    free(load.connections);
    return is_good ? 0 : 1;
}
