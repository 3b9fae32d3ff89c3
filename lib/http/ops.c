// SPDX-License-Identifier: MIT
#include "http/ops.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

// Small on purpose: few connections, few bytes, short time-outs. A scraper that is slow loses its
// connection; the daemon never waits for it.

enum {
    PAGE_MAX = 4 * 1024 * 1024,
    CONNECTIONS_MAX = 16,
    CONNECTION_BYTES = 16 * 1024,
    TIMEOUT_S = 10
};

struct ops_server {
    struct MHD_Daemon *daemon;
    struct ops_options options;
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              struct text *body)
{
    size_t len = body->len;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, text_take(body), MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result result = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (result == MHD_YES)
        result = MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (result == MHD_YES)
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result say(struct MHD_Connection *connection, unsigned status, const char *sentence)
{
    CLEANUP(text_done) struct text body = TEXT_INIT(1024);
    IGNORE(text_printf(&body, "%s\n", sentence)); // a why is shorter than the ceiling
    return answer(connection, status, "text/plain; charset=utf-8", &body);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *upload, size_t *upload_size, void **state)
{
    (void)version, (void)upload;
    static int headers_seen;
    struct ops_server *server = context;
    if (*state == NULL) { // the first call comes before the body
        *state = &headers_seen;
        return MHD_YES;
    }
    if (*upload_size > 0) // nobody has a body to send here: closes, so that none is dripped
        return MHD_NO;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return say(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET is allowed here");
    if (strcmp(path, "/livez") == 0)
        return say(connection, MHD_HTTP_OK, "alive");
    if (strcmp(path, "/readyz") == 0) {
        struct why why = {0};
        bool is_ready = server->options.is_ready(server->options.context, &why);
        return say(connection, is_ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
                   is_ready ? "ready" : why.text);
    }
    if (strcmp(path, "/metrics") != 0)
        return say(connection, MHD_HTTP_NOT_FOUND, "there are /metrics, /livez and /readyz");
    if (server->options.measure != NULL)
        server->options.measure(server->options.context);
    CLEANUP(text_done) struct text page = TEXT_INIT(PAGE_MAX);
    if (metrics_write(server->options.metrics, &page) != ERR_OK)
        return say(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "the page is too large");
    return answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &page);
}

static bool address_of(const struct ops_options *options, struct sockaddr_storage *ret,
                       bool *ret_is_v6)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(options->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(options->port)};
    *ret_is_v6 = inet_pton(AF_INET6, options->address, &v6.sin6_addr) == 1;
    if (*ret_is_v6)
        memcpy(ret, &v6, sizeof v6);
    else if (inet_pton(AF_INET, options->address, &v4.sin_addr) == 1)
        memcpy(ret, &v4, sizeof v4);
    else
        return false;
    return true;
}

enum err ops_start(const struct ops_options *options, struct ops_server **ret, struct why *why)
{
    *ret = NULL;
    if (options->port == 0)
        return ERR_OK;
    struct sockaddr_storage address = {0};
    bool is_v6 = false;
    if (!address_of(options, &address, &is_v6))
        return why_say(why, ERR_FATAL, "\"%s\" is not a numeric address: use for example 127.0.0.1",
                       options->address);
    struct ops_server *server = mem_zalloc(sizeof *server);
    server->options = *options;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | (is_v6 ? MHD_USE_IPv6 : 0U);
    errno = 0;
    server->daemon =
        MHD_start_daemon(flags, options->port, NULL, NULL, on_request, server, MHD_OPTION_SOCK_ADDR,
                         &address, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
                         MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S, MHD_OPTION_END);
    if (server->daemon == NULL) {
        mem_free_p(&server);
        return why_say(why, ERR_FATAL,
                       "cannot listen on %s port %u: %s; set METRICS_PORT to a free one",
                       options->address, options->port,
                       errno == 0 ? "no reason given" : strerrordesc_np(errno));
    }
    *ret = server;
    return ERR_OK;
}

void ops_stop(struct ops_server *server)
{
    if (server == NULL)
        return;
    MHD_stop_daemon(server->daemon);
    mem_free_p(&server);
}
