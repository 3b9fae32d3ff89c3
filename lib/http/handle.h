// SPDX-License-Identifier: MIT
#pragma once

#include <curl/curl.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/text.h"

// Shared by the .c files of this module only: what every request of ours sets on a libcurl handle,
// and what libcurl's results mean. libcurl's defaults are made for browsers of anything: here
// file:// is not a URL, the environment names no proxy, and nothing waits for ever.

// Sets an option; *bad (a CURLcode) keeps the first refusal. A setting that libcurl refuses would
// silently weaken the request: all of them must be taken.
#define HANDLE_SET(bad, curl, option, value)                                                       \
    do {                                                                                           \
        CURLcode code_ = curl_easy_setopt(curl, option, value);                                    \
        *(bad) = *(bad) == CURLE_OK ? code_ : *(bad);                                              \
    } while (0)

// Where the body of an answer goes: into a text, whose ceiling bounds it while it is read.
struct handle_answer {
    struct text *body;
    bool is_too_large;
};

// What a request has, all of it borrowed until it is over. Headers are set by the caller, who frees
// them.
struct handle_request {
    const char *method, *url;
    struct bytes body;     // data NULL: none
    const char *protocols; // "https", "http,https"
    const char *ca_file;   // NULL: the system's
    const char *proxy;     // NULL: none
    long connect_timeout_ms, timeout_ms;
    struct curl_slist *headers;
    struct handle_answer *answer;
    char *error; // CURL_ERROR_SIZE bytes
};

// Prepares libcurl, once per process; any thread.
void handle_init_once(void);
// Resets the handle (that keeps its connections) and sets all this.
MUST_CHECK CURLcode handle_set_up(CURL *curl, const struct handle_request *request);
// Appends "name: value"; value NULL: the header that libcurl would add by itself is left out. False
// where there is no memory.
MUST_CHECK bool handle_add_header(struct curl_slist **headers, const char *name, const char *value);

// ERR_OK for CURLE_OK, ERR_STOP where a callback of ours ended it, ERR_FATAL for what no repetition
// mends (URL, certificate), ERR_RETRY for the rest.
enum err handle_verdict(CURL *curl, CURLcode code);
// A failed request in a sentence; the verdict of `code`. ERR_REJECT where the answer was too large.
enum err handle_why(CURL *curl, CURLcode code, const struct handle_request *request,
                    struct why *why);
// The part of a URL that a sentence may hold: no name and password, no query; borrowed.
struct bytes handle_shown(const char *url);

// A copy, NULL for NULL and "".
char *handle_copy(const char *text);
