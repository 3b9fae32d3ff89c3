// SPDX-License-Identifier: MIT
#include "proxy/link.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/mem.h"

// Bytes are passed on as they come, but for the requests of a Kafka client, whose frames are
// followed (4 bytes length, 2 bytes ApiKey) so that one can be kept back, or answered otherwise.
// Its connection then stands still, as one does whose packets are lost: the client gives up and
// comes on another connection, and the request can still reach the broker later, when it is
// released. So a held link outlives its client.

enum { READ_BYTES = 65536, LENGTH_BYTES = 4, HEAD_BYTES = 12 };

static void make_ready(int fd)
{
    int on = 1;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

struct link *link_new(int client, int server, bool is_kafka)
{
    struct link *link = mem_zalloc(sizeof *link);
    link->client = client;
    link->server = server;
    link->is_kafka = is_kafka;
    make_ready(client);
    make_ready(server);
    return link;
}

static void free_chunks(struct chunk *chunk)
{
    while (chunk != NULL) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void link_free(struct link *link)
{
    if (link == NULL)
        return;
    close_fd(&link->client);
    close_fd(&link->server);
    free_chunks(link->up.first);
    free_chunks(link->down.first);
    free_chunks(link->kept);
    free(link);
}

static void reset(int fd)
{
    const struct linger none = {.l_onoff = 1};
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

void link_cut(struct link *link)
{
    reset(link->client);
    reset(link->server);
    link_free(link);
}

static struct chunk *chunk_new(const uint8_t *data, size_t len)
{
    struct chunk *chunk = mem_zalloc(sizeof *chunk + len);
    chunk->len = len;
    memcpy(chunk->data, data, len);
    return chunk;
}

// Chunks keep their order: a later one never gets an earlier time.
static void push(struct flow *flow, struct chunk *chunk, const struct faults *faults,
                 int64_t now_ms)
{
    int64_t wait_ms = faults == NULL ? 0 : faults->delay_ms;
    if (faults != NULL && faults->jitter_ms > 0)
        wait_ms += random() % (faults->jitter_ms + 1);
    if (flow->due_ms < now_ms + wait_ms)
        flow->due_ms = now_ms + wait_ms;
    chunk->due_ms = flow->due_ms;
    chunk->next = NULL;
    if (flow->last == NULL)
        flow->first = chunk;
    else
        flow->last->next = chunk;
    flow->last = chunk;
    flow->queued += chunk->len - chunk->at;
}

static void keep(struct link *link, const uint8_t *data, size_t len)
{
    struct chunk *chunk = chunk_new(data, len);
    if (link->kept_last == NULL)
        link->kept = chunk;
    else
        link->kept_last->next = chunk;
    link->kept_last = chunk;
}

void link_release(struct link *link, int64_t now_ms)
{
    while (link->kept != NULL) {
        struct chunk *next = link->kept->next;
        push(&link->up, link->kept, NULL, now_ms);
        link->kept = next;
    }
    link->kept_last = NULL;
    link->is_held = false;
}

static void pass(struct link *link, const uint8_t *data, size_t len, const struct faults *faults,
                 int64_t now_ms)
{
    if (link->is_held)
        keep(link, data, len);
    else
        push(&link->up, chunk_new(data, len), faults, now_ms);
}

static size_t frame_len(const struct link *link)
{
    const uint8_t *head = link->head;
    return (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
}

// Of a frame that is shorter than a head should be, all of it.
static size_t head_bytes(const struct link *link)
{
    if (link->head_len < LENGTH_BYTES)
        return LENGTH_BYTES;
    size_t len = frame_len(link);
    return LENGTH_BYTES + (len < HEAD_BYTES - LENGTH_BYTES ? len : HEAD_BYTES - LENGTH_BYTES);
}

static void mark_answer(struct link *link, struct faults *faults, int key)
{
    const uint8_t *head = link->head;
    if (key != faults->error_key || link->answers.change.is_set)
        return;
    if (faults->error_skip > 0) {
        faults->error_skip--;
        return;
    }
    if (!faults->errors_last)
        faults->error_key = -1;
    link->answers.change = (struct answer_change){
        .is_set = true,
        .key = key,
        .version = head[6] << 8 | head[7],
        .correlation = (int32_t)((uint32_t)head[8] << 24 | (uint32_t)head[9] << 16 |
                                 (uint32_t)head[10] << 8 | head[11]),
        .code = (int16_t)faults->error_code};
}

// The head of a request is complete: counted, and perhaps it is the one to hold, or to answer
// otherwise.
static void begin_request(struct link *link, struct faults *faults, uint64_t requests[LINK_KEYS])
{
    size_t len = frame_len(link);
    int key = len < 2 ? LINK_KEYS : link->head[4] << 8 | link->head[5];
    if (key < LINK_KEYS)
        requests[key]++;
    link->body_left = len + LENGTH_BYTES - link->head_len;
    if (link->head_len == HEAD_BYTES)
        mark_answer(link, faults, key);
    if (link->is_held || key != faults->hold_key)
        return;
    if (faults->hold_skip > 0) {
        faults->hold_skip--;
        return;
    }
    faults->hold_key = -1;
    link->is_held = true;
}

static void take_requests(struct link *link, const uint8_t *data, size_t len, struct faults *faults,
                          int64_t now_ms, uint64_t requests[LINK_KEYS])
{
    while (len > 0) {
        size_t count = len;
        if (link->body_left > 0) {
            if (count > link->body_left)
                count = link->body_left;
            link->body_left -= count;
            pass(link, data, count, faults, now_ms);
        } else {
            size_t wanted = head_bytes(link);
            if (count > wanted - link->head_len)
                count = wanted - link->head_len;
            memcpy(link->head + link->head_len, data, count);
            link->head_len += count;
            if (link->head_len >= LENGTH_BYTES && link->head_len == head_bytes(link)) {
                begin_request(link, faults, requests);
                pass(link, link->head, link->head_len, faults, now_ms);
                link->head_len = 0;
            }
        }
        data += count;
        len -= count;
    }
}

static bool is_later(ssize_t got)
{
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

bool link_read_client(struct link *link, struct faults *faults, int64_t now_ms,
                      uint64_t requests[LINK_KEYS])
{
    uint8_t data[READ_BYTES];
    ssize_t got = recv(link->client, data, sizeof data, 0);
    if (is_later(got))
        return true;
    if (got <= 0 && link->is_held) { // the request is under way all the same
        close_fd(&link->client);
        link->up.is_ended = true;
        return true;
    }
    if (got < 0)
        return false;
    if (got == 0)
        link->up.is_ended = true;
    else if (link->is_kafka)
        take_requests(link, data, (size_t)got, faults, now_ms, requests);
    else
        push(&link->up, chunk_new(data, (size_t)got), faults, now_ms);
    return true;
}

struct down {
    struct link *link;
    const struct faults *faults;
    int64_t now_ms;
};

static void pass_down(void *context, const uint8_t *data, size_t len)
{
    const struct down *down = context;
    push(&down->link->down, chunk_new(data, len), down->faults, down->now_ms);
}

bool link_read_server(struct link *link, const struct faults *faults, int64_t now_ms,
                      uint64_t *ret_errors)
{
    uint8_t data[READ_BYTES];
    ssize_t got = recv(link->server, data, sizeof data, 0);
    if (is_later(got))
        return true;
    if (got < 0)
        return false;
    if (got == 0)
        link->down.is_ended = true;
    else if (link->client >= 0 && link->is_kafka)
        *ret_errors += answers_take(&link->answers, data, (size_t)got, pass_down,
                                    &(struct down){link, faults, now_ms});
    else if (link->client >= 0)
        push(&link->down, chunk_new(data, (size_t)got), faults, now_ms);
    else
        link->was_answered = true;
    return true;
}

static bool write_flow(struct flow *flow, int to, int64_t now_ms)
{
    while (flow->first != NULL && flow->first->due_ms <= now_ms) {
        struct chunk *chunk = flow->first;
        ssize_t sent = send(to, chunk->data + chunk->at, chunk->len - chunk->at, MSG_NOSIGNAL);
        if (is_later(sent))
            return true;
        if (sent < 0)
            return false;
        chunk->at += (size_t)sent;
        flow->queued -= (size_t)sent;
        if (chunk->at < chunk->len)
            return true;
        flow->first = chunk->next;
        if (flow->first == NULL)
            flow->last = NULL;
        free(chunk);
    }
    if (flow->first == NULL && flow->is_ended && !flow->is_shut) {
        shutdown(to, SHUT_WR);
        flow->is_shut = true;
    }
    return true;
}

bool link_write(struct link *link, int64_t now_ms)
{
    if (link->client < 0) { // nobody wants the answers any more
        free_chunks(link->down.first);
        link->down.first = link->down.last = NULL;
        link->down.queued = 0;
        // The end waits for what is kept.
        return link->up.first == NULL || write_flow(&link->up, link->server, now_ms);
    }
    return (link->is_held || write_flow(&link->up, link->server, now_ms)) &&
           write_flow(&link->down, link->client, now_ms);
}

int64_t link_due_ms(const struct flow *flow)
{
    if (flow->first != NULL)
        return flow->first->due_ms;
    return flow->is_ended && !flow->is_shut ? 0 : -1;
}

void link_end(struct flow *flow)
{
    flow->is_ended = true;
}

bool link_is_over(const struct link *link)
{
    if (link->is_held)
        return false;
    if (link->client < 0) // until the server has answered what was released
        return link->was_answered || link->down.is_ended;
    return link->up.is_shut && link->down.is_shut;
}
