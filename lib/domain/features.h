// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/text.h"

// What the attributes of an employee are: read from the features file, the one source of the Avro
// schema of EmployeeChanged, the columns of the table `employee`, the validation of values and the
// names in a model. Another company's attributes are another features file. Immutable once loaded:
// any thread may read.

enum { FEATURES_MAX = 256, FEATURES_CATEGORIES_MAX = 256, FEATURES_NAME_MAX = 63 };

enum attribute_type {
    ATTRIBUTE_INTEGER,  // Avro ["null","int"], SQL integer
    ATTRIBUTE_REAL,     // Avro ["null","double"], SQL double precision
    ATTRIBUTE_CATEGORY, // Avro ["null","string"], SQL text
};

struct category {
    char *name;     // as the model and the tables spell it
    char **aliases; // other spellings that mean the same
    size_t alias_count;
};

// A name or an alias: what attribute_category searches.
struct spelling {
    struct bytes text; // borrowed from its category
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
    struct spelling *spellings; // names first, then aliases
    size_t spelling_count;
};

struct features {
    struct attribute *attributes;
    size_t count;
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
// Index of the category with this name or alias, or -1.
int attribute_category(const struct attribute *attribute, struct bytes text);

// The Avro schema of EmployeeChanged that these features make, as JSON text
// (schemas/employee-changed.avsc is this for the shipped features file).
MUST_CHECK enum err features_write_schema(const struct features *features, struct text *out);

// What the table `employee` makes of them: a line "monthly_income integer\n" for each attribute, in
// their order. Types: integer, double precision, text.
MUST_CHECK enum err features_write_columns(const struct features *features, struct text *out);
