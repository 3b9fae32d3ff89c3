// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

// What the attributes of an employee are: read from the features file, the one source of the Avro
// schema of EmployeeChanged, the columns of the table `employee`, the validation of values and the
// names in a model. Another company's attributes are another features file. Immutable once loaded:
// any thread may read.

enum { FEATURES_MAX = 256, FEATURES_CATEGORIES_MAX = 256, FEATURES_NAME_MAX = 63, FACTS_MAX = 64 };

enum language { LANGUAGE_EN, LANGUAGE_FR, LANGUAGES };
// "en", "fr".
const char *language_name(enum language language);
bool language_from_text(struct bytes text, enum language *ret);

// How people call something, in each language; NULL where the file has no words for it.
struct words {
    char *in[LANGUAGES];
};

enum attribute_type {
    ATTRIBUTE_INTEGER,  // Avro ["null","int"], SQL integer
    ATTRIBUTE_REAL,     // Avro ["null","double"], SQL double precision
    ATTRIBUTE_CATEGORY, // Avro ["null","string"], SQL text
};

struct category {
    char *name;     // as the model and the tables spell it
    char **aliases; // other spellings that mean the same
    size_t alias_count;
    struct words words;
};

// What a number of a scale means.
struct label {
    double value;
    struct words words;
};

// What an employer can change about an attribute, and how far.
struct actionable {
    bool is_up, is_down; // a number may move so, by `step`, 2 `step` .. up to `by`
    double step, by;
    bool *to; // of a category: category_count claims, which of them it may become; else NULL
};

// A name or an alias: what attribute_category finds, by a hash.
struct spelling_ends {
    uint64_t first, last; // with the length they are the whole of up to 16 bytes
};
struct spelling {
    struct bytes text; // borrowed from its category; data NULL: an empty place
    struct spelling_ends ends;
    size_t category;
};

struct attribute {
    char *name;   // "MonthlyIncome": an Avro name
    char *column; // "monthly_income": the name in lower snake case
    enum attribute_type type;
    bool is_input;               // false: audit only, never an input of a model
    double min, max;             // hard bounds of a number: a value outside is impossible
    struct category *categories; // of ATTRIBUTE_CATEGORY
    size_t category_count;
    struct spelling *spellings; // hashed; a power of two of places, not half of them taken
    size_t spelling_places;
    struct words words;
    struct label *labels;
    size_t label_count;
    char **headers; // names of its column in files of others
    size_t header_count;
    struct actionable actionable;
};

enum rule_op { RULE_LT, RULE_LE, RULE_EQ, RULE_NE, RULE_GE, RULE_GT };

// What must hold between two numbers of a person: left op right + add.
struct rule {
    char *id;
    size_t left;
    enum rule_op op;
    int right; // -1: `add` alone
    double add;
    bool refuses; // broken, the record is impossible; else it is scored, and the breach told
    struct words words;
};

// A part of the values of an attribute that a plan may be told of.
struct fact_band {
    char *name;
    double upto; // of a number: value <= upto; infinite in the last band
    bool *of;    // of a category: which of them; NULL: all that the other bands do not hold
    struct words words;
};
struct fact {
    char *name;
    size_t attribute;
    bool is_default; // given without being asked for
    struct words words;
    struct fact_band *bands;
    size_t band_count;
};

struct features {
    struct attribute *attributes;
    size_t count;
    struct rule *rules;
    size_t rule_count;
    struct fact *facts;
    size_t fact_count;
};

// The format is strict: a member that is not known here, a name that is none or stands twice (also
// as a column or a category), bounds that are no bounds: ERR_REJECT with the place. ERR_FATAL: the
// file cannot be read.
MUST_CHECK enum err features_parse(struct bytes json, struct features **ret, struct why *why);
MUST_CHECK enum err features_load(const char *path, struct features **ret, struct why *why);
void features_free(struct features *features);
DEFINE_CLEANUP(struct features, features_free)

// Index of the attribute with this name, or -1.
int features_find(const struct features *features, struct bytes name);
// The same by a column's name in a file: the attribute's, or one of its `headers`.
int features_find_header(const struct features *features, struct bytes name);
// Index of the category with this name or alias, or -1.
int attribute_category(const struct attribute *attribute, struct bytes text);

// What people read: the words, or where there are none the name (of an attribute, a category, a
// fact, a band, the id of a rule).
const char *words_or(const struct words *words, enum language language, const char *name);
// The words for a number of a scale, or NULL.
const char *attribute_label(const struct attribute *attribute, double value,
                            enum language language);

// The Avro schema of EmployeeChanged that these features make, as JSON text
// (schemas/employee-changed.avsc is this for the shipped features file).
MUST_CHECK enum err features_write_schema(const struct features *features, struct text *out);

// What the table `employee` makes of them: a line "monthly_income integer\n" for each attribute, in
// their order. Types: integer, double precision, text.
MUST_CHECK enum err features_write_columns(const struct features *features, struct text *out);
