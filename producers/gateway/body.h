// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "base/value.h"
#include "domain/employee.h"
#include "domain/features.h"
#include "http/exchange.h"
#include "json/json.h"

// Bodies of requests, read strictly: what is not known here, of another type or out of its bounds
// is refused with the path of the field. A reader is immutable, any thread may use it.

// ---- what is wrong

enum { BODY_FIELD_MAX = 96, BODY_CODE_MAX = 40, BODY_DETAIL_MAX = 200, BODY_ERRORS_MAX = 20 };

struct body_error {
    char field[BODY_FIELD_MAX]; // "attributes.Age"; empty: the whole body
    char code[BODY_CODE_MAX];
    char detail[BODY_DETAIL_MAX];
};
struct body_errors {
    size_t count; // those beyond BODY_ERRORS_MAX are left out
    struct body_error list[BODY_ERRORS_MAX];
};
void body_error_add(struct body_errors *errors, const char *where, const char *field,
                    const char *code, const char *detail, ...) PRINTF_LIKE(5, 6);
// 422 with all of them. Ends the exchange.
void body_answer_errors(struct http_exchange *exchange, const struct body_errors *errors);

// ---- an employee

struct body_reader;

// Borrows the features for its life.
struct body_reader *body_reader_new(const struct features *features);
void body_reader_free(struct body_reader *reader);
DEFINE_CLEANUP(struct body_reader, body_reader_free)

enum body_takes {
    BODY_TAKES_ID = 1,     // employee_id or employe_id
    BODY_TAKES_CHANGE = 2, // change and event_time
};

enum { BODY_ID_DIGITS = 24 };
struct body_person {
    bool has_id;
    struct bytes employee_id; // of the document, or of `digits`: so the struct must not be copied
    char digits[BODY_ID_DIGITS];
    bool has_attributes;
    bool has_change, has_event_time;
    enum change change;
    int64_t event_time_ms;
    struct value values[FEATURES_MAX]; // of the attributes; text is the document's or the features'
};

// The members of an object; attributes stand beside the others or all in `attributes`. False:
// `errors` says why.
MUST_CHECK bool body_read_person(const struct body_reader *reader, const struct json *object,
                                 unsigned takes, struct body_person *ret,
                                 struct body_errors *errors);

// The same for the usual body of /predict: an object of good attributes and nothing else, straight
// from its bytes, of which texts are borrowed. False: it is another one, right or wrong, which
// body_parse and body_read_person tell.
MUST_CHECK bool body_read_flat_person(const struct body_reader *reader, struct bytes body,
                                      struct body_person *ret);

// An employee's id: a text, or a whole number that is taken as its digits. False: an error was
// added.
MUST_CHECK bool body_read_id(const struct json *node, const char *field,
                             char digits[BODY_ID_DIGITS], struct bytes *ret,
                             struct body_errors *errors);

// A time (RFC 3339) or a date, which is its midnight in UTC. Bare digits, which parse_time_ms takes
// as milliseconds, are none: who sends 20260331 means a day.
MUST_CHECK bool body_read_time(struct bytes text, int64_t *ret_ms);

// ---- documents

enum { BODY_DEPTH_MAX = 4, BODY_JSON_MAX = 64 * 1024 };
// The body as an object. NULL: the exchange has its answer.
struct json *body_parse(struct http_exchange *exchange);

// A text of at least 1 and at most `max` bytes; *ret null where it is missing or null and may be.
// False: an error was added.
MUST_CHECK bool body_read_text(const struct json *object, const char *name, size_t max,
                               bool is_needed, struct bytes *ret, struct body_errors *errors);
// An error for each member that is none of the names.
void body_check_names(const struct json *object, const char *const *names, size_t count,
                      struct body_errors *errors);
