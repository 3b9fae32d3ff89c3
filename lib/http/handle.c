// SPDX-License-Identifier: MIT
#include "http/handle.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"

static void init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

void handle_init_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init);
}

char *handle_copy(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : mem_dup(text);
}

static size_t on_body(char *data, size_t one, size_t len, void *context)
{
    (void)one;
    struct handle_answer *answer = context;
    if (text_append(answer->body, data, len) == ERR_OK)
        return len;
    answer->is_too_large = true;
    return 0;
}

CURLcode handle_set_up(CURL *curl, const struct handle_request *request)
{
    CURLcode bad = CURLE_OK;
#define SET(option, value) HANDLE_SET(&bad, curl, option, value)
    curl_easy_reset(curl);
    request->error[0] = '\0';
    SET(CURLOPT_ERRORBUFFER, request->error);
    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_CUSTOMREQUEST, request->method);
    SET(CURLOPT_PROTOCOLS_STR, request->protocols);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROXY, request->proxy == NULL ? "" : request->proxy);
    SET(CURLOPT_CONNECTTIMEOUT_MS, request->connect_timeout_ms);
    SET(CURLOPT_TIMEOUT_MS, request->timeout_ms);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_USERAGENT, "retentionai");
    SET(CURLOPT_HTTPHEADER, request->headers);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, request->answer);
    if (request->ca_file != NULL)
        SET(CURLOPT_CAINFO, request->ca_file);
    if (request->body.data != NULL) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        SET(CURLOPT_POSTFIELDS, (const char *)request->body.data);
    }
#undef SET
    return bad;
}

bool handle_add_header(struct curl_slist **headers, const char *name, const char *value)
{
    CLEANUP(mem_free_p)
    char *line = value == NULL ? mem_printf("%s:", name) : mem_printf("%s: %s", name, value);
    struct curl_slist *longer = curl_slist_append(*headers, line);
    if (longer == NULL)
        return false;
    *headers = longer;
    return true;
}

// libcurl says "unsupported protocol" of a URL and of a server that answers with no HTTP; only in
// the second case was a request sent.
enum err handle_verdict(CURL *curl, CURLcode code)
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

enum err handle_why(CURL *curl, CURLcode code, const struct handle_request *request,
                    struct why *why)
{
    struct bytes url = handle_shown(request->url);
    if (request->answer->is_too_large || code == CURLE_FILESIZE_EXCEEDED)
        return why_code(why, ERR_REJECT, "answer-too-large", "the answer of %.*s is over %zu bytes",
                        (int)url.len, (const char *)url.data, request->answer->body->ceiling);
    return why_code(why, handle_verdict(curl, code), "http", "%.*s: %s", (int)url.len,
                    (const char *)url.data,
                    request->error[0] == '\0' ? curl_easy_strerror(code) : request->error);
}

// A name and password end at the last '@' before the path.
struct bytes handle_shown(const char *url)
{
    const char *authority = strstr(url, "://");
    if (authority != NULL) {
        authority += 3;
        const char *at = memrchr(authority, '@', strcspn(authority, "/?#"));
        url = at == NULL ? url : at + 1;
    }
    return bytes_of(url, strcspn(url, "?#"));
}
