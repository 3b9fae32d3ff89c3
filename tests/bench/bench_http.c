// SPDX-License-Identifier: MIT
// The floor of tests/bench/plans: lib/http's calls and nothing else. Makes CALLS calls with the
// body that a file holds, IN_FLIGHT at once, a new one as soon as one has ended. Any answer but a
// 200 ends it with a failing status.
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/parse.h"
#include "http/multi.h"

enum { CALLS_MAX = 100000000, IN_FLIGHT_MAX = 4096, BODY_MAX = 128 * 1024, WAIT_MS = 60000 };

struct load {
    struct http_multi *http;
    struct http_call call;
    char *places; // the tag of a call is a place of its own
    int64_t left; // calls to begin
};

static bool read_body(const char *path, struct text *ret)
{
    char chunk[4096];
    FILE *file = fopen(path, "rb");
    enum err err = file == NULL ? ERR_FATAL : ERR_OK;
    for (size_t len = 1; err == ERR_OK && len > 0;) {
        len = fread(chunk, 1, sizeof chunk, file);
        err = text_append(ret, chunk, len);
    }
    if (file != NULL)
        fclose(file);
    return err == ERR_OK;
}

static enum err begin(struct load *load, void *tag, struct why *why)
{
    if (load->left == 0)
        return ERR_OK;
    load->left--;
    return http_multi_start(load->http, &load->call, tag, why);
}

static enum err run(struct load *load, size_t in_flight, struct why *why)
{
    struct http_done *done CLEANUP(mem_free_p) = mem_array(in_flight, sizeof *done);
    enum err err = ERR_OK;
    for (size_t i = 0; i < in_flight && err == ERR_OK; i++)
        err = begin(load, &load->places[i], why);
    while (err == ERR_OK && http_multi_in_flight(load->http) > 0) {
        size_t count = 0;
        err = http_multi_poll(load->http, WAIT_MS, done, in_flight, &count, why);
        for (size_t i = 0; i < count && err == ERR_OK; i++) {
            err = done[i].err;
            if (err != ERR_OK)
                *why = done[i].why;
            else if (done[i].status != 200)
                err = why_say(why, ERR_FATAL, "an answer with status %ld", done[i].status);
            else
                err = begin(load, done[i].tag, why);
        }
    }
    return err;
}

int main(int argc, char **argv)
{
    int64_t in_flight = 0, calls = 0;
    CLEANUP(text_done) struct text body = TEXT_INIT(BODY_MAX);
    if (argc != 6 ||
        parse_i64(bytes_from_string(argv[3]), 1, IN_FLIGHT_MAX, &in_flight, NULL) != ERR_OK ||
        parse_i64(bytes_from_string(argv[4]), 1, CALLS_MAX, &calls, NULL) != ERR_OK ||
        !read_body(argv[5], &body)) {
        fprintf(stderr, "usage: bench-http URL KEY IN_FLIGHT CALLS BODY-FILE\n");
        return 2;
    }
    const struct http_header headers[] = {{"Content-Type", "application/json"},
                                          {"x-goog-api-key", argv[2]}};
    char *places CLEANUP(mem_free_p) = mem_array((size_t)in_flight, 1);
    const struct http_multi_options options = {.calls_max = (size_t)in_flight, .allows_http = true};
    struct load load = {.call = {.method = "POST",
                                 .url = argv[1],
                                 .headers = headers,
                                 .header_count = 2,
                                 .body = text_bytes(&body)},
                        .places = places,
                        .left = calls};
    struct why why = {0};
    enum err err = http_multi_new(&options, &load.http, &why);
    if (err == ERR_OK)
        err = run(&load, (size_t)in_flight, &why);
    http_multi_free(load.http);
    if (err != ERR_OK)
        fprintf(stderr, "bench-http: %s\n", why.text);
    return err == ERR_OK ? 0 : 1;
}
