// SPDX-License-Identifier: MIT
// The record on hris-progress is written in the transaction of the rows it counts, so "where is the
// latest record" and "which rows can be seen" are one question. A source is a name with a content:
// the same bytes under the same name are never sent twice by accident, and other bytes do not take
// the place of a file that is half-way through without being told to.

#include "decide.h"

#include <string.h>

#include "base/parse.h"

void decide_content(const char *file_hash, enum change change, char ret[CRYPTO_SHA256_HEX])
{
    ret[0] = '\0';
    if (change == CHANGE_UPDATED) { // the usual meaning, for which the file's hash alone stands
        strncat(ret, file_hash, CRYPTO_SHA256_HEX - 1);
        return;
    }
    struct crypto_sha256 hash;
    crypto_sha256_init(&hash);
    crypto_sha256_update(&hash, bytes_from_string(file_hash));
    crypto_sha256_update(&hash, bytes_from_string(change_name(change)));
    crypto_sha256_final_hex(&hash, ret);
}

static struct progress fresh(const struct wish *wish)
{
    struct progress progress = {.event_time_ms = wish->event_time_ms};
    strncpy(progress.content_hash, wish->content_hash, sizeof progress.content_hash - 1);
    return progress;
}

static enum err refuse_other_time(const struct progress *found, struct why *why)
{
    char when[FORMAT_TIME_MAX];
    format_time_ms(found->event_time_ms, when);
    return why_code(why, ERR_REJECT, "other-event-time",
                    "this file is half-way through under the event time %s: leave the event time "
                    "out to finish that import, or begin anew with --restart",
                    when);
}

enum err decide_start(const struct progress *found, const struct wish *wish, enum start *ret,
                      struct progress *ret_progress, struct why *why)
{
    bool is_other_content = found != NULL && strcmp(found->content_hash, wish->content_hash) != 0;
    bool is_other_time =
        found != NULL && wish->has_event_time && wish->event_time_ms != found->event_time_ms;
    if (found == NULL || wish->is_restart ||
        (found->is_finished && (is_other_content || is_other_time))) {
        *ret = START_FRESH;
        *ret_progress = fresh(wish);
        return ERR_OK;
    }
    if (is_other_content)
        return why_code(why, ERR_REJECT, "other-content",
                        "an import of other content under this source name stopped after %lld "
                        "rows: finish that file first, give this one another name with --source, "
                        "or give the other one up with --restart",
                        (long long)found->rows_done);
    if (is_other_time)
        return refuse_other_time(found, why);
    if (found->bytes_done < 0 || found->bytes_done > wish->size_bytes)
        return why_code(why, ERR_REJECT, "bad-progress",
                        "the progress record of this source points behind the file's end: begin "
                        "anew with --restart");
    *ret = found->is_finished ? START_DONE : START_RESUME;
    *ret_progress = *found;
    return ERR_OK;
}

static bool is_same(const struct progress *a, const struct progress *b)
{
    return strcmp(a->content_hash, b->content_hash) == 0 && a->bytes_done == b->bytes_done &&
           a->rows_done == b->rows_done && a->events_done == b->events_done &&
           a->rejected == b->rejected && a->event_time_ms == b->event_time_ms &&
           a->is_finished == b->is_finished;
}

enum err decide_after_failure(const struct progress *found, bool is_newer,
                              const struct progress *begun, const struct progress *done,
                              const struct progress *now, bool *ret_committed, struct why *why)
{
    bool is_ours = found != NULL && is_newer;
    bool is_now = is_ours && is_same(found, now);
    bool is_done = is_ours ? is_same(found, done) : is_same(begun, done);
    *ret_committed = is_now;
    if (is_now || is_done)
        return ERR_OK;
    return why_code(why, ERR_FATAL, "fenced",
                    "the progress of this source is not what this import left: another import of "
                    "it has taken over");
}

bool decide_commit(const struct chunk_limits *limits, int64_t rows, int64_t open_ms)
{
    return rows >= limits->rows || open_ms >= limits->ms;
}

int64_t decide_seconds_left(int64_t bytes_at_start, int64_t bytes_now, int64_t size_bytes,
                            int64_t elapsed_ms)
{
    int64_t done = bytes_now - bytes_at_start;
    if (done <= 0 || elapsed_ms < 500)
        return -1;
    double left = (double)(size_bytes - bytes_now) / (double)done * (double)elapsed_ms / 1000;
    return (int64_t)(left + 0.5);
}
