// SPDX-License-Identifier: MIT
#include "server.h"

#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/parse.h"
#include "call.h"
#include "judge.h"
#include "random.h"
#include "say.h"
#include "stats.h"

// Judging, drawing and counting happen on the library's thread, of which there is one.

enum {
    CONNECTIONS_MAX = 4096,
    CONNECTION_BYTES = 32 * 1024,
    TIMEOUT_S = 600,
};

struct server {
    struct server_options options;
    struct MHD_Daemon *daemon;
    struct script *script;
    struct stats *stats;
    uint64_t latency_state;
};

// ---- calls of a model

// Uniform between both ends.
static int64_t latency_ms(struct server *server)
{
    const struct server_options *options = &server->options;
    uint64_t width = (uint64_t)(options->latency_max_ms - options->latency_min_ms) + 1;
    return options->latency_min_ms + (int64_t)(random_next(&server->latency_state) % width);
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

static enum err judge_call(const struct server *server, struct call *call, const char *method,
                           const char *path, struct asked *asked, struct why *why)
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
    return judge(server->options.forbid, &incoming, asked, why);
}

static enum MHD_Result answer_model(struct server *server, struct call *call, const char *method,
                                    const char *path)
{
    struct asked asked = ASKED_INIT;
    struct why why = {0};
    stats_begin(server->stats, bytes_from_string(path), text_bytes(&call->body));
    call->is_counted = true;
    enum err err = judge_call(server, call, method, path, &asked, &why);
    int64_t delay_ms = 0;
    if (err == ERR_OK) {
        script_draw(server->script, &call->drawn);
        call->wire = fault_wire(call->drawn.fault, call->drawn.variant);
        stats_count(server->stats, call->drawn.fault, call->drawn.variant);
        reply_make(&asked, &call->drawn, &call->reply);
        delay_ms = call->drawn.delay_ms >= 0 ? call->drawn.delay_ms : latency_ms(server);
        stats_delay(server->stats, delay_ms);
    } else {
        stats_refuse(server->stats, why.code);
        why_prefix(&why, err, "the stand-in refuses this request");
        reply_error(asked.dialect, 400, "INVALID_ARGUMENT", why.text, &call->reply);
    }
    asked_done(&asked);
    if (delay_ms > 0 || call->wire != WIRE_NONE)
        return call_suspend(call, delay_ms);
    return call_send(call);
}

// ---- the server's own pages

static enum MHD_Result send_text(struct call *call, unsigned status, const char *type,
                                 const char *sentence)
{
    call->reply.status = status;
    call->reply.content_type = type;
    if (sentence != NULL)
        say(&call->reply.body, "%s\n", sentence);
    return call_send(call);
}

static enum MHD_Result answer_requests(struct server *server, struct call *call)
{
    const char *wanted = MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, "n");
    int64_t count = 10;
    struct why why = {0};
    if (wanted != NULL && parse_i64(bytes_from_string(wanted), 0, 1000000, &count, &why) != ERR_OK)
        return send_text(call, MHD_HTTP_BAD_REQUEST, "text/plain", why.text);
    stats_write_requests(server->stats, (size_t)count, &call->reply.body);
    return send_text(call, MHD_HTTP_OK, "application/json", NULL);
}

static enum MHD_Result answer_script(struct server *server, struct call *call)
{
    struct script *script = NULL;
    struct why why = {0};
    bool is_tls = server->options.tls_cert != NULL;
    if (script_parse(text_bytes(&call->body), is_tls, &script, &why) != ERR_OK)
        return send_text(call, MHD_HTTP_BAD_REQUEST, "text/plain", why.text);
    script_free(server->script);
    server->script = script;
    return send_text(call, MHD_HTTP_OK, "text/plain", "the script is in force");
}

static enum MHD_Result answer_page(struct server *server, struct call *call, const char *method,
                                   const char *path)
{
    bool is_get = strcmp(method, "GET") == 0;
    if (is_get && strcmp(path, "/livez") == 0)
        return send_text(call, MHD_HTTP_OK, "text/plain", "alive");
    if (is_get && strcmp(path, "/requests") == 0)
        return answer_requests(server, call);
    if (strcmp(method, "PUT") == 0 && strcmp(path, "/script") == 0)
        return answer_script(server, call);
    if (strcmp(path, "/stats") != 0 || !(is_get || strcmp(method, "DELETE") == 0))
        return send_text(call, MHD_HTTP_NOT_FOUND, "text/plain",
                         "there are GET /stats, DELETE /stats, GET /requests?n=, PUT /script, GET "
                         "/livez, and POST to a model");
    if (!is_get)
        stats_clear(server->stats);
    stats_write(server->stats, &call->reply.body);
    return send_text(call, MHD_HTTP_OK, "application/json", NULL);
}

// ---- the library's side

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *upload, size_t *upload_size, void **state)
{
    (void)version;
    struct server *server = context;
    struct call *call = *state;
    if (call == NULL) { // the first time comes before the body
        *state = call_new(connection, server->options.later);
        return MHD_YES;
    }
    if (*upload_size > 0) {
        call->is_too_large |= text_append(&call->body, upload, *upload_size) != ERR_OK;
        *upload_size = 0;
        return MHD_YES;
    }
    enum dialect dialect = DIALECT_GEMINI;
    if (call->stage != STAGE_READING)
        return call_finish(call);
    if (call->is_too_large)
        return send_text(call, MHD_HTTP_CONTENT_TOO_LARGE, "text/plain", "too large");
    return judge_is_model_path(path, &dialect) ? answer_model(server, call, method, path)
                                               : answer_page(server, call, method, path);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    (void)connection, (void)code;
    struct server *server = context;
    struct call *call = *state;
    if (call != NULL && call->is_counted)
        stats_end(server->stats);
    call_free(call);
    *state = NULL;
}

// ---- start and stop

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
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
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
