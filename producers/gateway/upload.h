// SPDX-License-Identifier: MIT
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ask.h"
#include "base/err.h"
#include "base/text.h"
#include "body.h"
#include "database.h"
#include "http/exchange.h"
#include "ingest.h"
#include "launch.h"
#include "pool.h"
#include "problem.h"
#include "repeat.h"

// States of employees on their way to `employee-changes`: records that are sent, and the answer
// once all of them were told of. Whoever ends the last of `open` answers and frees it.

enum { UPLOAD_ERRORS_TOLD = 100 };

struct upload {
    struct pool_job reading;
    struct database_job job;
    struct gateway *gateway;
    struct http_exchange *exchange;
    struct ask *ask; // id, user, hash of the body; employee of a single change
    struct launch_wishes wishes;
    struct repeat repeat;
    bool is_new;
    bool is_single;
    enum ingest_format format;
    int64_t now_ms, give_up_ms;
    struct text message, results, ignored, answer;
    size_t rows, accepted, refused;
    struct http_field_error errors[UPLOAD_ERRORS_TOLD];
    size_t error_count;
    unsigned status; // of the answer
    enum problem problem;
    struct why why;
    atomic_size_t open; // records that were not told of, and 1 for the reader
    atomic_bool is_lost;
};

// The exchange is suspended before the first record is sent.
struct upload *upload_new(struct http_exchange *exchange, struct gateway *gateway,
                          struct bytes employee_id, const struct launch_wishes *wishes);
// One that was not begun; its exchange has its answer.
void upload_free(struct upload *upload);

// The id of the event of a row.
void upload_name_event(const struct upload *upload, size_t row, char ret[ID_LEN + 1]);
// The event into upload->message.
MUST_CHECK enum err upload_encode(struct upload *upload, const struct body_person *person,
                                  struct bytes employee_id, const char *event_id, struct why *why);
// The message to Kafka. Waits for a place where its queue is full, until give_up_ms.
MUST_CHECK enum err upload_send(struct upload *upload, struct bytes employee_id, struct why *why);
// A reason, kept for the answer; all of it is copied.
void upload_add_error(struct upload *upload, const char *field, const char *code,
                      const char *detail);
// One of `open` has ended: the reader's, at its end.
void upload_told(struct upload *upload);
