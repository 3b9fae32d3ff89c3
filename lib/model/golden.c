// SPDX-License-Identifier: MIT
// The artefact's own examination: rows with the scores that the trainer computed, and rows that
// must be found missing, unknown or outside. They are scored here, by the code that will score
// people, and one difference refuses the model. So a damaged file, another reading of an operator,
// a compiler that fuses multiply and add: each shows before the first person is scored.

#include "model/parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "domain/employee.h"

enum { VECTORS_MAX = 4096, WHERE_MAX = 64 };

// A file may not turn its examination off by a large tolerance.
static const double tolerance_max = 1e-9, reason_tolerance_max = 1e-6;

// What a row is compared with, and room for one.
struct examination {
    const struct model *model;
    double tolerance, reason_tolerance;
    struct value *row;
    double *contributions;
};

static enum err refuse(struct why *why, const char *where, const char *what)
{
    return why_code(why, ERR_REJECT, "bad-golden", "%s: %s", where, what);
}

// Log-odds of hundreds have fewer digits behind the point. False for NaN.
static bool is_near(double got, double promised, double tolerance)
{
    return fabs(got - promised) <= tolerance * fmax(1, fabs(promised));
}

// The row of a vector: values of features->count attributes, null where it names none.
static enum err read_row(const struct model *model, const struct json *vector, const char *where,
                         struct value *row, struct why *why)
{
    const struct json *object = NULL;
    if (json_kind(vector) != JSON_KIND_OBJECT)
        return refuse(why, where, "is not an object");
    enum err err = json_get_object(vector, where, "features", &object, why);
    if (err != ERR_OK)
        return err;
    memset(row, 0, model->features->count * sizeof *row);
    void *iterator = NULL;
    const char *name = NULL;
    const struct json *node = NULL;
    while ((node = json_next(object, &iterator, &name)) != NULL) {
        const struct input *input = model_input(model, bytes_from_string(name));
        if (input == NULL || !json_as_value(node, &row[input->attribute]))
            return refuse(why, where, "names a feature or a value that the model cannot have");
    }
    return ERR_OK;
}

static enum err check_reasons(const struct examination *exam, const struct json *vector,
                              const char *where, const struct score *score, struct why *why)
{
    static const char *const members[] = {"attribute", "weight"};
    const struct json *list = NULL;
    enum err err = json_get_array(vector, where, "reasons", PREDICTION_REASONS, &list, why);
    if (err == ERR_OK && json_count(list) != score->reason_count)
        err = refuse(why, where, "has another number of reasons");
    for (size_t i = 0; err == ERR_OK && i < score->reason_count; i++) {
        const struct json *reason = json_at(list, i);
        const char *name = NULL;
        double weight = 0;
        if (json_kind(reason) != JSON_KIND_OBJECT)
            return refuse(why, where, "a reason is not an object");
        err = json_only_members(reason, where, members, ARRAY_LEN(members), why);
        if (err == ERR_OK)
            err = json_get_string(reason, where, "attribute", FEATURES_NAME_MAX, &name, why);
        if (err == ERR_OK)
            err = json_get_number(reason, where, "weight", &weight, why);
        const struct features *features = exam->model->features;
        if (err == ERR_OK &&
            (strcmp(name, features->attributes[score->reasons[i].attribute].name) != 0 ||
             !is_near(score->reasons[i].weight, weight, exam->reason_tolerance)))
            err = refuse(why, where, "gives other reasons");
    }
    return err;
}

// The contributions must add up to the score, or the reasons explain something else.
static bool adds_up(const struct examination *exam, const struct score *score)
{
    if (!model_contributions(exam->model, exam->row, exam->contributions))
        return false;
    double sum = score->base_log_odds;
    for (size_t i = 0; i < exam->model->features->count; i++)
        sum += exam->contributions[i];
    return is_near(sum, score->log_odds, exam->tolerance);
}

static enum err check_vector(const struct examination *exam, const struct json *vector,
                             const char *where, struct why *why)
{
    static const char *const members[] = {"features", "log_odds", "probability", "base_log_odds",
                                          "reasons"};
    double log_odds = 0, probability = 0, base = 0;
    enum err err = read_row(exam->model, vector, where, exam->row, why);
    if (err == ERR_OK)
        err = json_only_members(vector, where, members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = json_get_number(vector, where, "log_odds", &log_odds, why);
    if (err == ERR_OK)
        err = json_get_number(vector, where, "probability", &probability, why);
    if (err == ERR_OK)
        err = json_get_number(vector, where, "base_log_odds", &base, why);
    if (err != ERR_OK)
        return err;
    struct score score;
    model_score(exam->model, exam->row, &score);
    if (!is_near(score.log_odds, log_odds, exam->tolerance) ||
        !is_near(score.probability, probability, exam->tolerance))
        return why_code(why, ERR_REJECT, "bad-golden",
                        "%s: the score is %.17g, the artefact promises %.17g", where,
                        score.probability, probability);
    if (!is_near(score.base_log_odds, base, exam->reason_tolerance))
        return refuse(why, where, "promises another base_log_odds");
    if (!adds_up(exam, &score))
        return refuse(why, where, "the contributions do not add up to the score");
    return check_reasons(exam, vector, where, &score, why);
}

static enum err check_fault(const struct examination *exam, const struct json *fault,
                            const char *where, struct why *why)
{
    static const char *const members[] = {"features", "expect"};
    static const char *const of_records[] = {"wrong-type", "not-an-integer", "out-of-range"};
    const char *expect = NULL;
    enum err err = read_row(exam->model, fault, where, exam->row, why);
    if (err == ERR_OK)
        err = json_only_members(fault, where, members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = json_get_string(fault, where, "expect", FEATURES_NAME_MAX, &expect, why);
    if (err != ERR_OK)
        return err;
    struct score score;
    model_score(exam->model, exam->row, &score);
    const bool is_unknown = score.band == BAND_UNKNOWN;
    bool is_known = true, is_found = false;
    if (strcmp(expect, "unknown-category") == 0 || strcmp(expect, "outside-training-range") == 0)
        is_found = is_unknown || score.outside_count > 0;
    else if (strcmp(expect, "missing") == 0)
        is_found = is_unknown || score.missing_count > 0;
    else if (strcmp(expect, "band-unknown") == 0)
        is_found = is_unknown;
    else
        is_known = false;
    for (size_t i = 0; i < ARRAY_LEN(of_records); i++)
        if (strcmp(expect, of_records[i]) == 0) {
            struct why refusal = {0};
            is_known = true;
            is_found = employee_check_attributes(exam->model->features, exam->row, &refusal) ==
                           ERR_REJECT &&
                       strcmp(refusal.code, expect) == 0;
        }
    if (!is_known)
        return refuse(why, where, "expects a fault that is not known here");
    return is_found ? ERR_OK : refuse(why, where, "the fault is not found");
}

static enum err read_tolerances(const struct json *golden, struct examination *exam,
                                struct why *why)
{
    enum err err = json_get_number(golden, "golden", "tolerance", &exam->tolerance, why);
    if (err == ERR_OK)
        err = json_get_number(golden, "golden", "reason_tolerance", &exam->reason_tolerance, why);
    if (err == ERR_OK && !(exam->tolerance > 0 && exam->tolerance <= tolerance_max))
        err = refuse(why, "golden.tolerance", "is not above 0 and up to 1e-9");
    if (err == ERR_OK &&
        !(exam->reason_tolerance > 0 && exam->reason_tolerance <= reason_tolerance_max))
        err = refuse(why, "golden.reason_tolerance", "is not above 0 and up to 1e-6");
    return err;
}

enum err model_check_golden(const struct model *model, const struct json *golden, struct why *why)
{
    static const char *const members[] = {"tolerance", "reason_tolerance", "vectors", "errors"};
    if (golden == NULL || json_kind(golden) != JSON_KIND_OBJECT)
        return refuse(why, "golden", "is not an object");
    struct examination exam = {.model = model};
    const struct json *vectors = NULL, *errors = NULL;
    enum err err = json_only_members(golden, "golden", members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = read_tolerances(golden, &exam, why);
    if (err == ERR_OK)
        err = json_get_array(golden, "golden", "vectors", VECTORS_MAX, &vectors, why);
    if (err == ERR_OK)
        err = json_get_array(golden, "golden", "errors", VECTORS_MAX, &errors, why);
    if (err == ERR_OK && json_count(vectors) == 0)
        err = refuse(why, "golden.vectors", "is empty");
    CLEANUP(mem_free_p) struct value *row = mem_array(model->features->count, sizeof *row);
    CLEANUP(mem_free_p)
    double *contributions = mem_array(model->features->count, sizeof *contributions);
    exam.row = row;
    exam.contributions = contributions;
    char where[WHERE_MAX];
    for (size_t i = 0; err == ERR_OK && i < json_count(vectors); i++) {
        snprintf(where, sizeof where, "golden.vectors[%zu]", i);
        err = check_vector(&exam, json_at(vectors, i), where, why);
    }
    for (size_t i = 0; err == ERR_OK && i < json_count(errors); i++) {
        snprintf(where, sizeof where, "golden.errors[%zu]", i);
        err = check_fault(&exam, json_at(errors, i), where, why);
    }
    return err;
}
