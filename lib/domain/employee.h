// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "base/value.h"
#include "domain/features.h"

// The event "the state of one employee is this": its fields and what makes it impossible. The check
// never depends on a model, so that the scoring lane and the recorder refuse the same records.
// Pure functions, any thread; all text is borrowed.
//
// An attribute of type integer may stand as a whole VALUE_REAL (a writer whose schema says double):
// read numbers with attribute_number or attribute_integer.

enum { EMPLOYEE_ID_MAX = 128, EVENT_TEXT_MAX = 256 };

enum change { CHANGE_CREATED, CHANGE_UPDATED, CHANGE_LEFT, CHANGE_ERASED };
const char *change_name(enum change change);
bool change_from_text(struct bytes text, enum change *ret);

struct employee_change {
    struct bytes event_id;
    struct bytes employee_id;
    int64_t event_time_ms;
    enum change change;
    struct bytes source;
    struct bytes requested_by;      // data NULL: nobody
    const struct value *attributes; // features->count of them, in the order of the features
};

// ERR_REJECT with a code where the event can never be right: bad-event-id, bad-employee-id,
// bad-source, bad-requested-by, bad-event-time, event-time-in-future (more than 24 hours after
// `broker_time_ms`; 0: not checked), wrong-type, not-an-integer, not-a-number, out-of-range,
// invalid-utf8, not-printable, text-too-long, implausible (a rule of the features file that refuses
// is broken). The sentence names the field and quotes no personal
// value. An unknown category is no error here. `key` is the record's key; data NULL when not to be
// compared: key-mismatch otherwise.
MUST_CHECK enum err employee_check(const struct features *features,
                                   const struct employee_change *change, struct bytes key,
                                   int64_t broker_time_ms, struct why *why);

// The part of it that looks at the id: bad-employee-id.
MUST_CHECK enum err employee_check_id(struct bytes employee_id, struct why *why);

// The part of it that looks at one attribute: wrong-type, not-an-integer, not-a-number,
// out-of-range, invalid-utf8, not-printable, text-too-long. A null is fine.
MUST_CHECK enum err employee_check_attribute(const struct attribute *attribute,
                                             const struct value *value, struct why *why);

// That of all attributes, and then the rules: implausible.
MUST_CHECK enum err employee_check_attributes(const struct features *features,
                                              const struct value *attributes, struct why *why);

// The rules alone, of attributes that passed one by one.
MUST_CHECK enum err employee_check_rules(const struct features *features,
                                         const struct value *attributes, struct why *why);

// One value as it stands in a file: nothing is null, a category's other spelling becomes the usual
// one (one that nobody knows stays as it is, and points into `field`). Numbers are strict: no
// blanks, no thousands, no decimal comma. ERR_REJECT (not-an-integer, not-a-number); the sentence
// names the attribute and no value.
MUST_CHECK enum err employee_parse(const struct attribute *attribute, struct bytes field,
                                   struct value *ret, struct why *why);

// True where the rule holds for this person, also where one of its values is missing. The
// attributes passed the check.
bool employee_keeps(const struct rule *rule, const struct value *attributes);

// Of a VALUE_INTEGER or VALUE_REAL that passed the check; the second for an ATTRIBUTE_INTEGER.
double attribute_number(const struct value *value);
int64_t attribute_integer(const struct value *value);
