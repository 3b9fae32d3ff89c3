// SPDX-License-Identifier: MIT
#include "server.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/program.h"
#include "judge.h"
#include "reply.h"
#include "say.h"
#include "stats.h"
#include "wire.h"

// A call whose answer is not due is suspended, and its socket then belongs to whoever fires what is
// due; that one writes to it where a fault is below HTTP, and hands the call back with
// MHD_resume_connection. All counting happens on the library's thread.

enum {
    BODY_MAX = 1024 * 1024,
    CONNECTIONS_MAX = 4096,
    CONNECTION_BYTES = 32 * 1024,
    TIMEOUT_S = 600,
    HOLD_MS = 120000, // of what never ends by itself
    REFUSE_MS = 500,
    LOOK_MS = 50, // how often a held client is looked at
    DRIP_MS = 1000,
};

enum stage {
    STAGE_READING,
    STAGE_WAITING, // for its time
    STAGE_HOLDING, // a fault that goes on
    STAGE_ANSWERING,
    STAGE_OVER, // the connection is to be closed
};

struct server {
    struct server_options options;
    struct MHD_Daemon *daemon;
    struct script *script;
    struct stats *stats;
    uint64_t latency_state;
};

struct call {
    struct server *server;
    struct MHD_Connection *connection;
    int fd;
    enum stage stage;
    bool is_counted, is_too_large;
    struct text body; // of the request
    struct drawn drawn;
    enum wire wire;
    struct reply reply;
    int64_t until_ms; // of STAGE_HOLDING
    size_t dripped;
};

// ---- answers
// -------------------------------------------------------------------------------------

static enum MHD_Result add_header(struct MHD_Response *response, const char *name,
                                  const char *value)
{
    return value == NULL || value[0] == '\0' ? MHD_YES
                                             : MHD_add_response_header(response, name, value);
}

static enum MHD_Result send_reply(struct call *call)
{
    struct reply *reply = &call->reply;
    size_t len = reply->body.len;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, text_take(&reply->body), MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result result =
        add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type);
    if (result == MHD_YES)
        result = add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, reply->retry_after);
    if (result == MHD_YES)
        result = add_header(response, MHD_HTTP_HEADER_LOCATION, reply->location);
    if (result == MHD_YES)
        result = add_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, reply->content_encoding);
    if (result == MHD_YES)
        result = MHD_queue_response(call->connection, reply->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_text(struct call *call, unsigned status, const char *type,
                                 const char *sentence)
{
    call->reply.status = status;
    call->reply.content_type = type;
    if (sentence != NULL)
        say(&call->reply.body, "%s\n", sentence);
    return send_reply(call);
}

// The answer of a model, now that it is due.
static enum MHD_Result finish(struct call *call)
{
    switch (call->wire) {
    case WIRE_REFUSE:
        wire_reset(call->fd);
        return MHD_NO;
    case WIRE_RESET:
        wire_begin(call->fd, call->wire, &call->reply);
        wire_reset(call->fd);
        return MHD_NO;
    case WIRE_SHORT:
    case WIRE_CHUNKED:
    case WIRE_HEADERS_ONLY:
        wire_begin(call->fd, call->wire, &call->reply);
        return MHD_NO;
    case WIRE_SILENT:
    case WIRE_DRIP:
    case WIRE_CHUNKED_OPEN:
        return MHD_NO; // held, and now over
    case WIRE_GZIP:
    case WIRE_REDIRECT:
    case WIRE_LARGE:
    case WIRE_NONE:
        break;
    }
    return send_reply(call);
}

// ---- calls of a model
// ----------------------------------------------------------------------------

// Uniform between both ends (SplitMix64).
static int64_t latency_ms(struct server *server)
{
    uint64_t z = server->latency_state += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    const struct server_options *options = &server->options;
    uint64_t width = (uint64_t)(options->latency_max_ms - options->latency_min_ms) + 1;
    return options->latency_min_ms + (int64_t)((z ^ z >> 31) % width);
}

static enum MHD_Result collect_header(void *context, enum MHD_ValueKind kind, const char *name,
                                      const char *value)
{
    (void)kind;
    say(context, "%s: %s\n", name, value == NULL ? "" : value);
    return MHD_YES;
}

static enum MHD_Result see_argument(void *context, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    (void)kind, (void)value;
    struct incoming *incoming = context;
    incoming->has_query = true;
    incoming->has_key_in_query |= strcasecmp(name, "key") == 0;
    return MHD_YES;
}

static const char *header(struct call *call, const char *name)
{
    return MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, name);
}

static enum err judge_call(struct call *call, const char *method, const char *path,
                           struct asked *asked, struct why *why)
{
    CLEANUP(text_done) struct text headers = TEXT_INIT(SAY_MAX);
    struct incoming incoming = {.method = method,
                                .path = path,
                                .api_key = header(call, "x-goog-api-key"),
                                .authorization = header(call, "Authorization"),
                                .content_type = header(call, "Content-Type"),
                                .body = text_bytes(&call->body)};
    MHD_get_connection_values(call->connection, MHD_HEADER_KIND, collect_header, &headers);
    MHD_get_connection_values(call->connection, MHD_GET_ARGUMENT_KIND, see_argument, &incoming);
    incoming.headers = text_bytes(&headers);
    return judge(call->server->options.forbid, &incoming, asked, why);
}

static enum MHD_Result suspend(struct call *call, int64_t delay_ms)
{
    call->stage = STAGE_WAITING;
    MHD_suspend_connection(call->connection);
    if (!later_add(call->server->options.later, clock_mono_ms() + delay_ms, call)) {
        call->stage = STAGE_OVER; // the server stops
        MHD_resume_connection(call->connection);
    }
    return MHD_YES;
}

static enum MHD_Result answer_model(struct call *call, const char *method, const char *path)
{
    struct server *server = call->server;
    struct asked asked = ASKED_INIT;
    struct why why = {0};
    stats_begin(server->stats, bytes_from_string(path), text_bytes(&call->body));
    call->is_counted = true;
    enum err err = judge_call(call, method, path, &asked, &why);
    int64_t delay_ms = 0;
    if (err == ERR_OK) {
        script_draw(server->script, &call->drawn);
        call->wire = fault_wire(call->drawn.fault, call->drawn.variant);
        stats_count(server->stats, call->drawn.fault, call->drawn.variant);
        reply_make(&asked, &call->drawn, &call->reply);
        delay_ms = call->drawn.delay_ms >= 0 ? call->drawn.delay_ms : latency_ms(server);
    } else {
        stats_refuse(server->stats, why.code);
        why_prefix(&why, err, "the stand-in refuses this request");
        reply_error(asked.dialect, 400, "INVALID_ARGUMENT", why.text, &call->reply);
    }
    asked_done(&asked);
    if (delay_ms > 0 || call->wire != WIRE_NONE)
        return suspend(call, delay_ms);
    return send_reply(call);
}

// ---- the server's own pages
// ----------------------------------------------------------------------

static enum MHD_Result answer_requests(struct call *call)
{
    const char *wanted = MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, "n");
    int64_t count = 10;
    struct why why = {0};
    if (wanted != NULL && parse_i64(bytes_from_string(wanted), 0, 1000000, &count, &why) != ERR_OK)
        return send_text(call, MHD_HTTP_BAD_REQUEST, "text/plain", why.text);
    stats_write_requests(call->server->stats, (size_t)count, &call->reply.body);
    return send_text(call, MHD_HTTP_OK, "application/json", NULL);
}

static enum MHD_Result answer_script(struct call *call)
{
    struct server *server = call->server;
    struct script *script = NULL;
    struct why why = {0};
    bool is_tls = server->options.tls_cert != NULL;
    if (script_parse(text_bytes(&call->body), is_tls, &script, &why) != ERR_OK)
        return send_text(call, MHD_HTTP_BAD_REQUEST, "text/plain", why.text);
    script_free(server->script);
    server->script = script;
    return send_text(call, MHD_HTTP_OK, "text/plain", "the script is in force");
}

static enum MHD_Result answer_page(struct call *call, const char *method, const char *path)
{
    bool is_get = strcmp(method, "GET") == 0;
    if (is_get && strcmp(path, "/livez") == 0)
        return send_text(call, MHD_HTTP_OK, "text/plain", "alive");
    if (is_get && strcmp(path, "/requests") == 0)
        return answer_requests(call);
    if (strcmp(method, "PUT") == 0 && strcmp(path, "/script") == 0)
        return answer_script(call);
    if (strcmp(path, "/stats") != 0 || !(is_get || strcmp(method, "DELETE") == 0))
        return send_text(call, MHD_HTTP_NOT_FOUND, "text/plain",
                         "there are GET /stats, DELETE /stats, GET /requests?n=, PUT /script, GET "
                         "/livez, and POST to a model");
    if (!is_get)
        stats_clear(call->server->stats);
    stats_write(call->server->stats, &call->reply.body);
    return send_text(call, MHD_HTTP_OK, "application/json", NULL);
}

// ---- the library's side
// --------------------------------------------------------------------------

static struct call *call_new(struct server *server, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct call *call = mem_zalloc(sizeof *call);
    call->server = server;
    call->connection = connection;
    call->fd = info->connect_fd;
    call->body = TEXT_INIT(BODY_MAX);
    call->reply = REPLY_INIT;
    call->wire = WIRE_NONE;
    return call;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *upload, size_t *upload_size, void **state)
{
    (void)version;
    struct call *call = *state;
    if (call == NULL) { // the first time comes before the body
        *state = call_new(context, connection);
        return MHD_YES;
    }
    if (*upload_size > 0) {
        call->is_too_large |= text_append(&call->body, upload, *upload_size) != ERR_OK;
        *upload_size = 0;
        return MHD_YES;
    }
    enum dialect dialect = DIALECT_GEMINI;
    switch (call->stage) {
    case STAGE_READING:
        if (call->is_too_large)
            return send_text(call, MHD_HTTP_CONTENT_TOO_LARGE, "text/plain", "too large");
        return judge_is_model_path(path, &dialect) ? answer_model(call, method, path)
                                                   : answer_page(call, method, path);
    case STAGE_ANSWERING:
        return finish(call);
    case STAGE_WAITING:
    case STAGE_HOLDING:
    case STAGE_OVER:
        break;
    }
    return MHD_NO;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    (void)context, (void)connection, (void)code;
    struct call *call = *state;
    if (call == NULL)
        return;
    if (call->is_counted)
        stats_end(call->server->stats);
    text_done(&call->body);
    text_done(&call->reply.body);
    mem_free_p(&call);
    *state = NULL;
}

// ---- what is due
// ---------------------------------------------------------------------------------

static void resume(struct call *call, enum stage stage)
{
    call->stage = stage;
    MHD_resume_connection(call->connection);
}

// A fault that goes on until its time is over or the client leaves.
static void hold(struct call *call, int64_t now_ms)
{
    bool is_drip = call->wire == WIRE_DRIP;
    if (call->stage == STAGE_WAITING) {
        call->stage = STAGE_HOLDING;
        call->until_ms = now_ms + (call->drawn.hold_ms >= 0 ? call->drawn.hold_ms : HOLD_MS);
        if (call->wire != WIRE_SILENT)
            wire_begin(call->fd, call->wire, &call->reply);
    }
    bool goes_on = now_ms < call->until_ms && !wire_is_gone(call->fd) &&
                   (!is_drip || wire_drip(call->fd, &call->reply, &call->dripped));
    if (!goes_on ||
        !later_add(call->server->options.later, now_ms + (is_drip ? DRIP_MS : LOOK_MS), call))
        resume(call, STAGE_OVER);
}

int64_t server_refuses_ms(const void *item)
{
    const struct call *call = item;
    int64_t hold_ms = call->drawn.hold_ms;
    return call->wire != WIRE_REFUSE ? 0 : hold_ms > 0 ? hold_ms : REFUSE_MS;
}

void server_fire(void *item, int64_t now_ms)
{
    struct call *call = item;
    bool is_held =
        call->wire == WIRE_SILENT || call->wire == WIRE_DRIP || call->wire == WIRE_CHUNKED_OPEN;
    if (program_is_stopping())
        resume(call, STAGE_OVER);
    else if (is_held)
        hold(call, now_ms);
    else
        resume(call, STAGE_ANSWERING);
}

// ---- start and stop
// ------------------------------------------------------------------------------

enum err server_start(const struct server_options *options, struct script **script,
                      struct server **ret, struct why *why)
{
    struct server *server = mem_zalloc(sizeof *server);
    server->options = *options;
    server->latency_state = options->latency_seed;
    server->stats = stats_new(options->keep);
    server->script = TAKE(*script);
    bool is_tls = options->tls_cert != NULL;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET |
                     MHD_ALLOW_SUSPEND_RESUME | (is_tls ? (unsigned)MHD_USE_TLS : 0U);
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
        is_tls ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, options->tls_cert,
        MHD_OPTION_HTTPS_MEM_KEY, options->tls_key, MHD_OPTION_END);
    if (server->daemon == NULL) {
        server_stop(server);
        return why_say(why, ERR_FATAL, "cannot start serving HTTP%s",
                       is_tls ? ": are the certificate and its key PEM files?" : "");
    }
    *ret = server;
    return ERR_OK;
}

void server_stop(struct server *server)
{
    if (server == NULL)
        return;
    if (server->daemon != NULL)
        MHD_stop_daemon(server->daemon);
    script_free(server->script);
    stats_free(server->stats);
    mem_free_p(&server);
}

void server_add_connection(struct server *server, int fd)
{
    struct sockaddr_in nobody = {.sin_family = AF_INET};
    // Closes the socket where it does not take it.
    IGNORE(MHD_add_connection(server->daemon, fd, (struct sockaddr *)&nobody, sizeof nobody));
}
