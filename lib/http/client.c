// SPDX-License-Identifier: MIT
#include "http/client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/program.h"

// One easy handle, reset for every request (that keeps its connections). libcurl's defaults are
// made for browsers of anything: here file:// is not a URL, the environment names no proxy, and
// nothing waits for ever.

struct http_client {
    CURL *curl;
    char *user, *password, *token, *ca_file, *proxy;
    long connect_timeout_ms, timeout_ms;
    char error[CURL_ERROR_SIZE];
};

static char *copy(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : mem_dup(text);
}

static void init_once(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum err http_client_new(const struct http_options *options, struct http_client **ret,
                         struct why *why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_once);
    struct http_client *client = mem_zalloc(sizeof *client);
    client->curl = curl_easy_init();
    client->user = copy(options->user);
    client->password = copy(options->password);
    client->token = copy(options->token);
    client->ca_file = copy(options->ca_file);
    client->proxy = copy(options->proxy);
    client->connect_timeout_ms =
        (long)(options->connect_timeout_ms > 0 ? options->connect_timeout_ms : 3000);
    client->timeout_ms = (long)(options->timeout_ms > 0 ? options->timeout_ms : 10000);
    if (client->curl == NULL) {
        http_client_free(client);
        return why_say(why, ERR_FATAL, "cannot make an HTTP client");
    }
    *ret = client;
    return ERR_OK;
}

void http_client_free(struct http_client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->curl);
    mem_free_p(&client->user);
    mem_free_p(&client->password);
    mem_free_p(&client->token);
    mem_free_p(&client->ca_file);
    mem_free_p(&client->proxy);
    mem_free_p(&client);
}

struct answer {
    struct text *body;
    bool is_too_large;
};

static size_t on_body(char *data, size_t one, size_t len, void *context)
{
    (void)one;
    struct answer *answer = context;
    if (text_append(answer->body, data, len) == ERR_OK)
        return len;
    answer->is_too_large = true;
    return 0;
}

// Called at least once a second while a request runs: a program that stops does not wait for
// answers.
static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    (void)context, (void)down_total, (void)down, (void)up_total, (void)up;
    return program_is_stopping() ? 1 : 0;
}

// A setting that libcurl refuses would silently weaken the request: all of them must be taken.
static CURLcode set_up(struct http_client *client, const struct http_request *request,
                       struct curl_slist *headers, struct answer *answer)
{
    CURL *curl = client->curl;
    CURLcode bad = CURLE_OK;
#define SET(option, value)                                                                         \
    do {                                                                                           \
        CURLcode code_ = curl_easy_setopt(curl, option, value);                                    \
        bad = bad == CURLE_OK ? code_ : bad;                                                       \
    } while (0)
    curl_easy_reset(curl);
    client->error[0] = '\0';
    SET(CURLOPT_ERRORBUFFER, client->error);
    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_CUSTOMREQUEST, request->method);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROXY, client->proxy == NULL ? "" : client->proxy);
    SET(CURLOPT_CONNECTTIMEOUT_MS, client->connect_timeout_ms);
    SET(CURLOPT_TIMEOUT_MS, client->timeout_ms);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_USERAGENT, "retentionai");
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, answer);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    if (client->ca_file != NULL)
        SET(CURLOPT_CAINFO, client->ca_file);
    if (client->token != NULL) {
        SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        SET(CURLOPT_XOAUTH2_BEARER, client->token);
    } else if (client->user != NULL) {
        SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        SET(CURLOPT_USERNAME, client->user);
        SET(CURLOPT_PASSWORD, client->password == NULL ? "" : client->password);
    }
    if (request->body.data != NULL) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        SET(CURLOPT_POSTFIELDS, (const char *)request->body.data);
    }
#undef SET
    return bad;
}

static enum err add_header(struct curl_slist **headers, const char *name, const char *value)
{
    CLEANUP(mem_free_p)
    char *line = value == NULL ? mem_printf("%s:", name) : mem_printf("%s: %s", name, value);
    struct curl_slist *longer = curl_slist_append(*headers, line);
    if (longer == NULL)
        return ERR_FATAL;
    *headers = longer;
    return ERR_OK;
}

// libcurl says "unsupported protocol" of a URL and of a server that answers with no HTTP; only in
// the second case was a request sent.
static enum err verdict(CURL *curl, CURLcode code)
{
    long request_bytes = 0;
    if (code == CURLE_UNSUPPORTED_PROTOCOL &&
        curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &request_bytes) == CURLE_OK &&
        request_bytes > 0)
        return ERR_RETRY;
    switch ((int)code) {
    case CURLE_OK:
        return ERR_OK;
    case CURLE_ABORTED_BY_CALLBACK:
        return ERR_STOP;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_UNKNOWN_OPTION:
    case CURLE_NOT_BUILT_IN:
        return ERR_FATAL;
    default:
        return ERR_RETRY;
    }
}

// The URL for a sentence: without a name and password, and where they end (at the last '@' before
// the path) is what is shown.
static const char *shown(const char *url)
{
    const char *authority = strstr(url, "://");
    if (authority == NULL)
        return url;
    size_t len = strcspn(authority + 3, "/?#");
    const char *at = memrchr(authority + 3, '@', len);
    return at == NULL ? url : at + 1;
}

enum err http_send(struct http_client *client, const struct http_request *request, long *ret_status,
                   struct text *ret_body, struct why *why)
{
    struct answer answer = {.body = ret_body};
    struct curl_slist *headers = NULL;
    text_clear(ret_body);
    enum err err = add_header(&headers, "Expect", NULL); // no wait for "100 Continue"
    if (err == ERR_OK && request->accept != NULL)
        err = add_header(&headers, "Accept", request->accept);
    if (err == ERR_OK && request->content_type != NULL)
        err = add_header(&headers, "Content-Type", request->content_type);
    if (err != ERR_OK) {
        curl_slist_free_all(headers);
        return why_say(why, ERR_FATAL, "cannot make the headers of a request");
    }
    CURLcode code = set_up(client, request, headers, &answer);
    if (code == CURLE_OK)
        code = curl_easy_perform(client->curl);
    long status = 0;
    if (code == CURLE_OK)
        code = curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    if (answer.is_too_large)
        return why_code(why, ERR_REJECT, "answer-too-large", "the answer of %s is over %zu bytes",
                        shown(request->url), ret_body->ceiling);
    if (code != CURLE_OK)
        return why_code(why, verdict(client->curl, code), "http", "%s: %s", shown(request->url),
                        client->error[0] == '\0' ? curl_easy_strerror(code) : client->error);
    *ret_status = status;
    return ERR_OK;
}
