// SPDX-License-Identifier: MIT
#include "http/client.h"

#include "base/mem.h"
#include "base/program.h"
#include "http/handle.h"

// One easy handle, reset for every request (that keeps its connections).

struct http_client {
    CURL *curl;
    char *user, *password, *token, *ca_file, *proxy;
    long connect_timeout_ms, timeout_ms;
    char error[CURL_ERROR_SIZE];
};

enum err http_client_new(const struct http_options *options, struct http_client **ret,
                         struct why *why)
{
    handle_init_once();
    struct http_client *client = mem_zalloc(sizeof *client);
    client->curl = curl_easy_init();
    client->user = handle_copy(options->user);
    client->password = handle_copy(options->password);
    client->token = handle_copy(options->token);
    client->ca_file = handle_copy(options->ca_file);
    client->proxy = handle_copy(options->proxy);
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

// Called at least once a second while a request runs: a program that stops does not wait for
// answers.
static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    (void)context, (void)down_total, (void)down, (void)up_total, (void)up;
    return program_is_stopping() ? 1 : 0;
}

static CURLcode set_up(struct http_client *client, const struct handle_request *request)
{
    CURL *curl = client->curl;
    CURLcode bad = handle_set_up(curl, request);
#define SET(option, value) HANDLE_SET(&bad, curl, option, value)
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    if (client->token != NULL) {
        SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        SET(CURLOPT_XOAUTH2_BEARER, client->token);
    } else if (client->user != NULL) {
        SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        SET(CURLOPT_USERNAME, client->user);
        SET(CURLOPT_PASSWORD, client->password == NULL ? "" : client->password);
    }
#undef SET
    return bad;
}

static bool make_headers(const struct http_request *request, struct curl_slist **headers)
{
    return handle_add_header(headers, "Expect", NULL) && // no wait for "100 Continue"
           (request->accept == NULL || handle_add_header(headers, "Accept", request->accept)) &&
           (request->content_type == NULL ||
            handle_add_header(headers, "Content-Type", request->content_type));
}

enum err http_send(struct http_client *client, const struct http_request *request, long *ret_status,
                   struct text *ret_body, struct why *why)
{
    struct handle_answer answer = {.body = ret_body};
    struct handle_request sent = {.method = request->method,
                                  .url = request->url,
                                  .body = request->body,
                                  .protocols = "http,https",
                                  .ca_file = client->ca_file,
                                  .proxy = client->proxy,
                                  .connect_timeout_ms = client->connect_timeout_ms,
                                  .timeout_ms = client->timeout_ms,
                                  .answer = &answer,
                                  .error = client->error};
    text_clear(ret_body);
    if (!make_headers(request, &sent.headers)) {
        curl_slist_free_all(sent.headers);
        return why_say(why, ERR_FATAL, "cannot make the headers of a request");
    }
    CURLcode code = set_up(client, &sent);
    if (code == CURLE_OK)
        code = curl_easy_perform(client->curl);
    long status = 0;
    if (code == CURLE_OK)
        code = curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(sent.headers);
    if (code != CURLE_OK)
        return handle_why(client->curl, code, &sent, why);
    *ret_status = status;
    return ERR_OK;
}
