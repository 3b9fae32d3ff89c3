// SPDX-License-Identifier: MIT
#include "http/multi.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/program.h"
#include "http/drive.h"
#include "http/handle.h"

// A slot is an easy handle with what its call owns; slots are made when they are first needed, go
// from idle to flying to told and back, and never move. libcurl keeps the connections in the multi
// handle, so any slot takes any of them. An idle slot keeps how its handle was set up: most calls
// differ from the one before in their body alone.
//
// HTTP/1.1 and not 2: answers take seconds, so that a connection a call costs nothing that counts,
// and one lost connection is one failed call and not all of them.

enum {
    CALLS_MAX = 256,
    CONNECT_TIMEOUT_MS = 5000,
    TIMEOUT_MS = 30000,
    ANSWER_BYTES = 256 * 1024,
    ANSWER_BYTES_KEPT = 64 * 1024, // of memory, by an idle slot
    HEADER_BYTES = 64 * 1024,      // of an answer, all together
    SLOW_ANSWER_MS = 10000,
    SLOW_ANSWER_BYTES = 100, // a second
    POLL_MS = 60000,
    CONNECTION_LIFE_S = 600, // names may point elsewhere by then
};

enum slot_state { SLOT_IDLE, SLOT_FLYING, SLOT_TOLD };

struct slot {
    struct slot *next; // of those that are idle, or told
    struct http_multi *multi;
    enum slot_state state;
    CURL *curl;
    void *tag;
    char *method, *url; // with the request's headers: what the handle is set up for
    char *sent_body;    // which libcurl reads while it runs
    struct handle_request request;
    struct handle_answer answer;
    struct text body; // of the answer
    size_t header_bytes;
    bool has_too_many_headers, has_pace;
    unsigned sends;
    char retry_after[64], content_type[128];
    char error[CURL_ERROR_SIZE];
};

struct http_multi {
    struct drive drive;
    char *ca_file, *proxy;
    long connect_timeout_ms, slow_answer_s;
    bool allows_http;
    struct slot **slots; // up to two a call: what was told keeps its slot until the next poll
    size_t slot_count, calls_max;
    struct slot *idle, *told; // the one that was used last comes first: its memory is still near
    size_t in_flight;
    int64_t gather_ms, told_ms; // monotonic: when answers were told last; 0: never
    atomic_bool is_woken;
    bool has_told_stop;
};

// ---- making and ending

enum err http_multi_new(const struct http_multi_options *options, struct http_multi **ret,
                        struct why *why)
{
    handle_init_once();
    struct http_multi *multi = mem_zalloc(sizeof *multi);
    int64_t connect_ms = options->connect_timeout_ms, slow_ms = options->slow_answer_ms;
    multi->ca_file = handle_copy(options->ca_file);
    multi->proxy = handle_copy(options->proxy);
    multi->connect_timeout_ms = (long)(connect_ms > 0 ? connect_ms : CONNECT_TIMEOUT_MS);
    multi->slow_answer_s = (long)((slow_ms > 0 ? slow_ms : SLOW_ANSWER_MS) + 999) / 1000;
    multi->allows_http = options->allows_http;
    multi->gather_ms = options->gather_ms;
    multi->calls_max = options->calls_max > 0 ? options->calls_max : CALLS_MAX;
    multi->slots = mem_array(2 * multi->calls_max, sizeof(struct slot *));
    if (!drive_open(&multi->drive, multi->calls_max, program_stop_fd())) {
        http_multi_free(multi);
        return why_say(why, ERR_FATAL, "cannot make a client for many HTTP calls");
    }
    *ret = multi;
    return ERR_OK;
}

// The handle is set up for nothing.
static void slot_forget(struct slot *slot)
{
    curl_slist_free_all(TAKE(slot->request.headers));
    free(TAKE(slot->method));
    free(TAKE(slot->url));
}

// Lets go of what the call owned, and is idle; the handle and a small body's memory stay.
static void slot_clear(struct slot *slot)
{
    free(TAKE(slot->sent_body));
    if (slot->body.capacity > ANSWER_BYTES_KEPT)
        text_done(&slot->body);
    slot->tag = NULL;
    slot->state = SLOT_IDLE;
    slot->next = slot->multi->idle;
    slot->multi->idle = slot;
}

static void slot_land(struct slot *slot)
{
    curl_multi_remove_handle(slot->multi->drive.curl, slot->curl);
    slot->multi->in_flight--;
}

void http_multi_free(struct http_multi *multi)
{
    if (multi == NULL)
        return;
    for (size_t i = 0; i < multi->slot_count; i++) {
        struct slot *slot = multi->slots[i];
        if (slot->state == SLOT_FLYING)
            slot_land(slot);
        slot_clear(slot);
        slot_forget(slot);
        curl_easy_cleanup(slot->curl);
        text_done(&slot->body);
        mem_free_p(&slot);
    }
    drive_close(&multi->drive);
    mem_free_p(&multi->slots);
    mem_free_p(&multi->ca_file);
    mem_free_p(&multi->proxy);
    mem_free_p(&multi);
}

// ---- beginning a call

// An idle slot, made where all are in use; NULL where libcurl gives no handle.
static struct slot *slot_find(struct http_multi *multi)
{
    struct slot *idle = multi->idle;
    if (idle != NULL) {
        multi->idle = idle->next;
        return idle;
    }
    assert(multi->slot_count < 2 * multi->calls_max);
    CURL *curl = curl_easy_init();
    if (curl == NULL)
        return NULL;
    struct slot *slot = mem_zalloc(sizeof *slot);
    slot->multi = multi;
    slot->curl = curl;
    multi->slots[multi->slot_count++] = slot;
    return slot;
}

// Called for every line of the answer's head. Silence before it is a model that thinks, bounded by
// the call's time-out only; from here on an answer has to come at a pace.
static size_t on_header(char *line, size_t one, size_t len, void *context)
{
    (void)line, (void)one;
    struct slot *slot = context;
    if (slot->header_bytes == 0 && (curl_easy_setopt(slot->curl, CURLOPT_LOW_SPEED_LIMIT,
                                                     (long)SLOW_ANSWER_BYTES) != CURLE_OK ||
                                    curl_easy_setopt(slot->curl, CURLOPT_LOW_SPEED_TIME,
                                                     slot->multi->slow_answer_s) != CURLE_OK))
        return 0;
    slot->has_pace = true;
    slot->header_bytes += len;
    slot->has_too_many_headers = slot->header_bytes > HEADER_BYTES;
    return slot->has_too_many_headers ? 0 : len;
}

// Called before a request is sent. libcurl sends it again by itself where a kept connection closes
// without a byte of an answer; whether the server had read it is then unknown.
static int on_send(void *context, char *to_ip, char *from_ip, int to_port, int from_port)
{
    (void)to_ip, (void)from_ip, (void)to_port, (void)from_port;
    struct slot *slot = context;
    return slot->sends++ == 0 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static CURLcode set_up(struct slot *slot)
{
    CURL *curl = slot->curl;
    CURLcode bad = handle_set_up(curl, &slot->request);
#define SET(option, value) HANDLE_SET(&bad, curl, option, value)
    SET(CURLOPT_PRIVATE, slot);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, slot);
    SET(CURLOPT_PREREQFUNCTION, on_send);
    SET(CURLOPT_PREREQDATA, slot);
    SET(CURLOPT_MAXLIFETIME_CONN, (long)CONNECTION_LIFE_S);
    SET(CURLOPT_QUICK_EXIT, 1L); // a resolver that hangs does not hold up the end
#undef SET
    return bad;
}

// What each call has of its own.
static CURLcode set_call(struct slot *slot)
{
    CURL *curl = slot->curl;
    CURLcode bad = CURLE_OK;
#define SET(option, value) HANDLE_SET(&bad, curl, option, value)
    SET(CURLOPT_TIMEOUT_MS, slot->request.timeout_ms);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)slot->body.ceiling);
    if (slot->request.body.data != NULL) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)slot->request.body.len);
        SET(CURLOPT_POSTFIELDS, (const char *)slot->request.body.data);
    }
    if (slot->has_pace) {
        SET(CURLOPT_LOW_SPEED_LIMIT, 0L);
        SET(CURLOPT_LOW_SPEED_TIME, 0L);
    }
#undef SET
    slot->error[0] = '\0';
    slot->has_pace = false;
    return bad;
}

static enum err check(const struct http_multi *multi, const struct http_call *call, struct why *why)
{
    struct bytes url = handle_shown(call->url);
    bool is_http = strncasecmp(call->url, "http://", 7) == 0;
    if (strncasecmp(call->url, "https://", 8) != 0 && !(is_http && multi->allows_http))
        return why_say(why, ERR_FATAL, "%.*s: use an https:// URL%s", (int)url.len,
                       (const char *)url.data, is_http ? ", or allow http" : "");
    for (size_t i = 0; i < call->header_count; i++) {
        struct bytes name = bytes_from_string(call->headers[i].name);
        struct bytes value = bytes_from_string(call->headers[i].value);
        if (name.len == 0 || value.len == 0 || !text_is_printable(name) ||
            !text_is_printable(value))
            return why_say(why, ERR_FATAL, "header %zu of a call to %.*s is empty or not printable",
                           i + 1, (int)url.len, (const char *)url.data);
    }
    return ERR_OK;
}

static bool add_headers(const struct http_call *call, struct curl_slist **headers)
{
    bool is_fine = handle_add_header(headers, "Expect", NULL); // no wait for "100 Continue"
    for (size_t i = 0; i < call->header_count && is_fine; i++)
        is_fine = handle_add_header(headers, call->headers[i].name, call->headers[i].value);
    return is_fine;
}

static bool is_line_of(const char *line, const struct http_header *header)
{
    size_t len = strlen(header->name);
    return strncmp(line, header->name, len) == 0 && strncmp(line + len, ": ", 2) == 0 &&
           strcmp(line + len + 2, header->value) == 0;
}

static bool is_set_up_for(const struct slot *slot, const struct http_call *call)
{
    if (slot->url == NULL || strcmp(slot->url, call->url) != 0 ||
        strcmp(slot->method, call->method) != 0 ||
        (slot->request.body.data == NULL) != (call->body.data == NULL))
        return false;
    const struct curl_slist *line = slot->request.headers->next; // behind "Expect:"
    size_t i = 0;
    for (; line != NULL && i < call->header_count && is_line_of(line->data, &call->headers[i]); i++)
        line = line->next;
    return line == NULL && i == call->header_count;
}

static void fill(struct slot *slot, const struct http_call *call, void *tag)
{
    text_clear(&slot->body);
    slot->body.ceiling = call->answer_bytes > 0 ? call->answer_bytes : ANSWER_BYTES;
    slot->answer = (struct handle_answer){.body = &slot->body};
    slot->tag = tag;
    slot->header_bytes = 0;
    slot->has_too_many_headers = false;
    slot->sends = 0;
    slot->retry_after[0] = slot->content_type[0] = '\0';
    if (call->body.data != NULL)
        slot->sent_body = mem_dup_bytes(call->body.data, call->body.len);
    slot->request.body = bytes_of(slot->sent_body, call->body.len);
    slot->request.timeout_ms = (long)(call->timeout_ms > 0 ? call->timeout_ms : TIMEOUT_MS);
}

// Sets the handle up for calls like this one, which has filled the slot.
static CURLcode prepare(struct slot *slot, const struct http_call *call)
{
    const struct http_multi *multi = slot->multi;
    slot_forget(slot);
    slot->method = mem_dup(call->method);
    slot->url = mem_dup(call->url);
    slot->request = (struct handle_request){
        .method = slot->method,
        .url = slot->url,
        .body = slot->request.body,
        .protocols = multi->allows_http ? "http,https" : "https",
        .ca_file = multi->ca_file,
        .proxy = multi->proxy,
        .connect_timeout_ms = multi->connect_timeout_ms,
        .timeout_ms = slot->request.timeout_ms,
        .answer = &slot->answer,
        .error = slot->error,
    };
    return add_headers(call, &slot->request.headers) ? set_up(slot) : CURLE_OUT_OF_MEMORY;
}

enum err http_multi_start(struct http_multi *multi, const struct http_call *call, void *tag,
                          struct why *why)
{
    enum err err = check(multi, call, why);
    if (err != ERR_OK)
        return err;
    struct slot *slot = multi->in_flight < multi->calls_max ? slot_find(multi) : NULL;
    if (slot == NULL)
        return why_code(why, ERR_RETRY, "calls-full", "%zu HTTP calls are in flight",
                        multi->in_flight);
    CURLcode code = CURLE_OK;
    bool is_set_up = is_set_up_for(slot, call);
    fill(slot, call, tag);
    if (!is_set_up)
        code = prepare(slot, call);
    if (code == CURLE_OK)
        code = set_call(slot);
    if (code == CURLE_OK && curl_multi_add_handle(multi->drive.curl, slot->curl) != CURLM_OK)
        code = CURLE_FAILED_INIT;
    if (code != CURLE_OK) {
        slot_clear(slot);
        slot_forget(slot);
        return why_say(why, ERR_FATAL, "cannot begin an HTTP call: %s", curl_easy_strerror(code));
    }
    slot->state = SLOT_FLYING;
    multi->in_flight++;
    IGNORE(drive_begin(&multi->drive)); // sends it; what goes wrong is told by the next poll
    return ERR_OK;
}

// ---- its end

static const char *header_of(struct slot *slot, const char *name)
{
    struct curl_header *header = NULL;
    return curl_easy_header(slot->curl, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK
               ? header->value
               : "";
}

static void keep_header(struct slot *slot, const char *name, char *into, size_t size)
{
    struct bytes value = bytes_from_string(header_of(slot, name));
    if (value.len < size && text_is_printable(value))
        memcpy(into, value.data, value.len + 1);
}

static enum err judge(struct slot *slot, CURLcode code, struct why *why)
{
    struct bytes url = handle_shown(slot->url);
    if (slot->has_too_many_headers)
        return why_code(why, ERR_REJECT, "answer-too-large",
                        "the headers of the answer of %.*s are over %d bytes", (int)url.len,
                        (const char *)url.data, HEADER_BYTES);
    if (slot->sends > 1)
        return why_code(why, ERR_RETRY, "http", "%.*s: the server closed a kept connection",
                        (int)url.len, (const char *)url.data);
    if (code != CURLE_OK)
        return handle_why(slot->curl, code, &slot->request, why);
    const char *coding = header_of(slot, "Content-Encoding");
    if (coding[0] != '\0' && strcasecmp(coding, "identity") != 0)
        return why_code(why, ERR_REJECT, "answer-encoded",
                        "the answer of %.*s has a content coding, though none was asked for",
                        (int)url.len, (const char *)url.data);
    return ERR_OK;
}

static void tell(struct slot *slot, CURLcode code, struct http_done *done)
{
    *done = (struct http_done){
        .tag = slot->tag, .retry_after = slot->retry_after, .content_type = slot->content_type};
    done->err = judge(slot, code, &done->why);
    if (done->err == ERR_OK) {
        IGNORE(curl_easy_getinfo(slot->curl, CURLINFO_RESPONSE_CODE, &done->status)); // has one
        done->body = text_bytes(&slot->body);
        keep_header(slot, "Retry-After", slot->retry_after, sizeof slot->retry_after);
        keep_header(slot, "Content-Type", slot->content_type, sizeof slot->content_type);
    }
    slot_land(slot);
    slot->state = SLOT_TOLD;
    slot->next = slot->multi->told;
    slot->multi->told = slot;
}

static size_t collect(struct http_multi *multi, struct http_done *done, size_t max)
{
    size_t count = 0;
    int left = 0;
    for (CURLMsg *message = NULL;
         count < max && (message = curl_multi_info_read(multi->drive.curl, &left)) != NULL;) {
        char *slot = NULL;
        IGNORE(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot)); // was set
        tell((struct slot *)(void *)slot, message->data.result, &done[count++]);
    }
    return count;
}

// What was told last is over for the caller.
static void reclaim(struct http_multi *multi)
{
    while (multi->told != NULL) {
        struct slot *slot = multi->told;
        multi->told = slot->next;
        slot_clear(slot);
    }
}

static bool is_to_return(struct http_multi *multi)
{
    bool is_stop_news = program_is_stopping() && !multi->has_told_stop;
    multi->has_told_stop |= is_stop_news;
    if (is_stop_news)
        drive_forget_stop(&multi->drive);
    return atomic_exchange(&multi->is_woken, false) || is_stop_news;
}

// Leaves answers where they are until the time has come to tell some again.
static void rest(const struct http_multi *multi, int64_t end_ms)
{
    int64_t by_ms = multi->told_ms + multi->gather_ms, now_ms = clock_mono_ms();
    if (by_ms > end_ms)
        by_ms = end_ms;
    if (multi->told_ms > 0 && by_ms > now_ms)
        drive_rest(&multi->drive, by_ms - now_ms);
}

enum err http_multi_poll(struct http_multi *multi, int64_t wait_ms, struct http_done *done,
                         size_t max, size_t *ret_count, struct why *why)
{
    int64_t end_ms = clock_mono_ms() + wait_ms;
    CURLMcode code = CURLM_OK;
    reclaim(multi);
    bool is_over = is_to_return(multi);
    size_t count = collect(multi, done, max);
    if (count == 0 && !is_over && wait_ms > 0) {
        rest(multi, end_ms);
        is_over = is_to_return(multi);
    }
    while (count == 0 && code == CURLM_OK) {
        int64_t left_ms = is_over ? 0 : end_ms - clock_mono_ms();
        code = drive_run(&multi->drive, left_ms < POLL_MS ? left_ms : POLL_MS);
        count = collect(multi, done, max);
        is_over |= is_to_return(multi);
        if (is_over || left_ms <= 0)
            break;
    }
    if (code != CURLM_OK)
        return why_say(why, ERR_FATAL, "HTTP calls cannot go on: %s", curl_multi_strerror(code));
    if (count > 0)
        multi->told_ms = clock_mono_ms();
    *ret_count = count;
    return ERR_OK;
}

void http_multi_wake(struct http_multi *multi)
{
    atomic_store(&multi->is_woken, true);
    drive_wake(&multi->drive);
}

bool http_multi_cancel(struct http_multi *multi, const void *tag)
{
    for (size_t i = 0; i < multi->slot_count; i++) {
        struct slot *slot = multi->slots[i];
        if (slot->state == SLOT_FLYING && slot->tag == tag) {
            slot_land(slot);
            slot_clear(slot);
            return true;
        }
    }
    return false;
}

size_t http_multi_in_flight(const struct http_multi *multi)
{
    return multi->in_flight;
}
