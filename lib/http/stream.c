// SPDX-License-Identifier: MIT
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/serving.h"

// Server-sent events. The program fills a ring, libmicrohttpd empties it by a callback, and where
// it finds nothing its connection is suspended ("parked") until there is more. Whoever takes
// is_parked back resumes the connection, and nobody else; so it is there until then.
//
// A client that goes is noticed by the door, or by libmicrohttpd when it writes; either way the
// connection ends, and that is where the program is told.

enum { BLOCK_BYTES = 4096 };

struct stream {
    pthread_mutex_t lock;
    size_t capacity, begin, len;
    bool is_parked;
    bool is_ended; // by the program: what is buffered, and then the end
    bool is_cut;   // by the server: the end at once
    bool is_over;  // the connection takes nothing any more
    char ring[];
};

static struct stream *stream_new(size_t capacity)
{
    struct stream *stream = mem_zalloc(sizeof *stream + capacity);
    pthread_mutex_init(&stream->lock, NULL);
    stream->capacity = capacity;
    return stream;
}

void stream_free(struct stream *stream)
{
    if (stream == NULL)
        return;
    pthread_mutex_destroy(&stream->lock);
    mem_free_p(&stream);
}

// ---- the server's side

static size_t take(struct stream *stream, char *out, size_t max)
{
    size_t len = stream->len < max ? stream->len : max, end = stream->capacity - stream->begin;
    size_t first = len < end ? len : end;
    memcpy(out, stream->ring + stream->begin, first);
    memcpy(out + first, stream->ring, len - first);
    stream->begin = (stream->begin + len) % stream->capacity;
    stream->len -= len;
    return len;
}

static ssize_t read_stream(void *context, uint64_t at, char *out, size_t max)
{
    (void)at;
    struct http_exchange *exchange = context;
    struct stream *stream = exchange->stream;
    ssize_t result = MHD_CONTENT_READER_END_OF_STREAM;
    pthread_mutex_lock(&stream->lock);
    if (!stream->is_cut && stream->len > 0) {
        int64_t deadline_ms = clock_mono_ms() + exchange->server->options.write_timeout_ms;
        watch_phase(exchange->connection, PHASE_WRITE, deadline_ms);
        result = (ssize_t)take(stream, out, max);
        exchange->answer_bytes += (uint64_t)result;
    } else if (!stream->is_cut && !stream->is_ended) {
        watch_phase(exchange->connection, PHASE_WORK, NO_DEADLINE);
        stream->is_parked = true;
        atomic_fetch_add(&exchange->server->suspended, 1);
        MHD_suspend_connection(exchange->mhd);
        result = 0;
    }
    pthread_mutex_unlock(&stream->lock);
    return result;
}

static void drop_reference(void *context)
{
    exchange_release(context);
}

// Sets the flag, and wakes the connection where it is parked.
static void flag(struct http_exchange *exchange, bool *what)
{
    struct stream *stream = exchange->stream;
    pthread_mutex_lock(&stream->lock);
    *what = true;
    bool was_parked = stream->is_parked;
    stream->is_parked = false;
    pthread_mutex_unlock(&stream->lock);
    if (was_parked)
        exchange_resume(exchange->connection, exchange->mhd);
}

void stream_cut(struct http_exchange *exchange)
{
    flag(exchange, &exchange->stream->is_cut);
}

void stream_over(struct http_exchange *exchange)
{
    struct stream *stream = exchange->stream;
    pthread_mutex_lock(&stream->lock);
    stream->is_over = true;
    bool is_ended = stream->is_ended;
    pthread_mutex_unlock(&stream->lock);
    if (!is_ended && exchange->gone != NULL && !exchange->was_gone_told)
        watch_tell_later(exchange->server, exchange->gone, exchange->tag);
}

// ---- the program's side

// What the client gets, once the exchange is a stream's.
static void begin(struct http_exchange *exchange, http_gone *gone, uint64_t tag)
{
    exchange->gone = gone;
    exchange->tag = tag;
    struct MHD_Response *response = mem_must(MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream, exchange, drop_reference));
    atomic_fetch_add(&exchange->references, 1);
    answer_make_stream(exchange, response);
}

void http_stream(struct http_exchange *exchange, size_t buffer_bytes, http_gone *gone, uint64_t tag)
{
    assert(exchange->stream == NULL && buffer_bytes > 0);
    exchange->stream = stream_new(buffer_bytes);
    if (atomic_load(&exchange->state) == STATE_RUNNING) {
        assert(exchange->was_handled && exchange->response == NULL);
        atomic_fetch_add(&exchange->references, 1);
        begin(exchange, gone, tag);
        watch_begin(exchange, STATE_STREAMING);
        return;
    }
    int expected = STATE_SUSPENDED;
    if (!atomic_compare_exchange_strong(&exchange->state, &expected, STATE_STREAMING)) {
        assert(expected == STATE_CUT);
        exchange->stream->is_over = true;
        return;
    }
    begin(exchange, gone, tag);
    exchange_resume(exchange->connection, exchange->mhd);
}

static enum err put(struct http_exchange *exchange, const struct text *text)
{
    struct stream *stream = exchange->stream;
    enum err err = ERR_OK;
    pthread_mutex_lock(&stream->lock);
    assert(!stream->is_ended);
    if (stream->is_over || stream->is_cut)
        err = ERR_STOP;
    else if (text->len > stream->capacity - stream->len)
        err = ERR_RETRY;
    bool was_parked = err == ERR_OK && stream->is_parked;
    if (err == ERR_OK) {
        size_t at = (stream->begin + stream->len) % stream->capacity, end = stream->capacity - at;
        size_t first = text->len < end ? text->len : end;
        memcpy(stream->ring + at, text->data, first);
        memcpy(stream->ring, text->data + first, text->len - first);
        stream->len += text->len;
        stream->is_parked = false;
    }
    pthread_mutex_unlock(&stream->lock);
    if (was_parked)
        exchange_resume(exchange->connection, exchange->mhd);
    return err;
}

static enum err write_field(struct text *out, const char *name, struct bytes value)
{
    enum err err = text_append_string(out, name);
    if (err == ERR_OK)
        err = text_append(out, value.data, value.len);
    return err == ERR_OK ? text_append(out, "\n", 1) : err;
}

// CR, LF or both end a line; the text always has one line at least.
static enum err write_lines(struct text *out, const char *name, struct bytes data)
{
    enum err err = ERR_OK;
    size_t at = 0;
    do {
        size_t end = at;
        while (end < data.len && data.data[end] != '\n' && data.data[end] != '\r')
            end++;
        err = write_field(out, name, bytes_of(data.data + at, end - at));
        at = end + 1;
        if (end + 1 < data.len && data.data[end] == '\r' && data.data[end + 1] == '\n')
            at++;
    } while (err == ERR_OK && at < data.len);
    return err;
}

enum err http_stream_event(struct http_exchange *exchange, const char *event, const char *id,
                           struct bytes data)
{
    CLEANUP(text_done) struct text text = TEXT_INIT(exchange->stream->capacity);
    enum err err = ERR_OK;
    assert(event == NULL || text_is_printable(bytes_from_string(event)));
    assert(id == NULL || text_is_printable(bytes_from_string(id)));
    if (event != NULL)
        err = write_field(&text, "event: ", bytes_from_string(event));
    if (err == ERR_OK && id != NULL)
        err = write_field(&text, "id: ", bytes_from_string(id));
    if (err == ERR_OK)
        err = write_lines(&text, "data: ", data);
    if (err == ERR_OK)
        err = text_append(&text, "\n", 1);
    return err == ERR_OK ? put(exchange, &text) : err;
}

enum err http_stream_comment(struct http_exchange *exchange, const char *comment)
{
    CLEANUP(text_done) struct text text = TEXT_INIT(exchange->stream->capacity);
    enum err err = write_lines(&text, ": ", bytes_from_string(comment));
    if (err == ERR_OK)
        err = text_append(&text, "\n", 1);
    return err == ERR_OK ? put(exchange, &text) : err;
}

void http_stream_end(struct http_exchange *exchange)
{
    flag(exchange, &exchange->stream->is_ended);
    exchange_release(exchange);
}
