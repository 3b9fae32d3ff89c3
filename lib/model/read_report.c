// SPDX-License-Identifier: MIT
// What an artefact tells about itself. Little of it changes a score, and all of it is read: a model
// is judged by these figures, so a file in which they are missing, impossible or against each other
// is no model that can be trusted. Two of them are a verdict: where the calibration error that was
// measured on unseen people is too large, the probabilities do not mean what they say.

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/parts.h"

enum {
    TEXT_MAX = 4096,
    VALUES_MAX = 64,
    GROUPS_MAX = 512,
    EDGES_MAX = 63,
    FOLDS_MAX = 1 << 20,
    WHERE_MAX = 128
};

static const int64_t count_max = 1LL << 53;
static const double shares_tolerance = 1e-6;

static enum err refuse(struct why *why, const char *where, const char *what)
{
    return why_code(why, ERR_REJECT, "bad-model", "%s: %s", where, what);
}

static bool is_number(const struct json *node)
{
    return node != NULL &&
           (json_kind(node) == JSON_KIND_INTEGER || json_kind(node) == JSON_KIND_REAL);
}

// An object with exactly these members.
static enum err get_whole(const struct json *object, const char *where, const char *name,
                          const char *const *members, size_t count, const struct json **ret,
                          struct why *why)
{
    enum err err = json_get_object(object, where, name, ret, why);
    if (err == ERR_OK)
        err = json_only_members(*ret, name, members, count, why);
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        if (json_member(*ret, members[i]) == NULL)
            err = why_code(why, ERR_REJECT, "bad-model", "%s: %s is missing", name, members[i]);
    return err;
}

static enum err check_text(const struct json *object, const char *where, const char *name,
                           struct why *why)
{
    const char *text = NULL;
    return json_get_string(object, where, name, TEXT_MAX, &text, why);
}

static enum err check_libraries(const struct json *training, struct why *why)
{
    const struct json *libraries = NULL, *node = NULL;
    enum err err = json_get_object(training, "training", "libraries", &libraries, why);
    void *iterator = NULL;
    const char *name = NULL;
    while (err == ERR_OK && (node = json_next(libraries, &iterator, &name)) != NULL)
        if (json_kind(node) != JSON_KIND_STRING)
            err = refuse(why, "training.libraries", "holds what is no text");
    return err;
}

static enum err check_parameters(const struct json *training, struct why *why)
{
    const struct json *parameters = NULL, *node = NULL;
    enum err err = json_get_object(training, "training", "parameters", &parameters, why);
    void *iterator = NULL;
    const char *name = NULL;
    while (err == ERR_OK && (node = json_next(parameters, &iterator, &name)) != NULL)
        if (json_kind(node) == JSON_KIND_ARRAY || json_kind(node) == JSON_KIND_OBJECT)
            err = refuse(why, "training.parameters",
                         "holds other than numbers, texts, booleans and nulls");
    return err;
}

static enum err check_counts(const struct json *training, struct why *why)
{
    int64_t bytes = 0, rows = 0, positives = 0, seed = 0;
    enum err err = json_get_integer(training, "training", "data_bytes", 1, count_max, &bytes, why);
    if (err == ERR_OK)
        err = json_get_integer(training, "training", "rows", 2, count_max, &rows, why);
    if (err == ERR_OK)
        err = json_get_integer(training, "training", "positives", 1, rows - 1, &positives, why);
    return err == ERR_OK
               ? json_get_integer(training, "training", "seed", INT64_MIN, INT64_MAX, &seed, why)
               : err;
}

static enum err read_training(const struct json *root, struct why *why)
{
    static const char *const members[] = {
        "source",  "fictional",  "data_sha256", "data_bytes", "rows", "positives", "label",
        "horizon", "resampling", "estimator",   "parameters", "seed", "libraries"};
    static const char *const texts[] = {"source", "label", "resampling", "estimator"};
    const struct json *training = NULL;
    const char *hash = NULL;
    enum err err = get_whole(root, "", "training", members, ARRAY_LEN(members), &training, why);
    for (size_t i = 0; err == ERR_OK && i < ARRAY_LEN(texts); i++)
        err = check_text(training, "training", texts[i], why);
    if (err == ERR_OK)
        err = json_get_string(training, "training", "data_sha256", TEXT_MAX, &hash, why);
    if (err == ERR_OK && (strlen(hash) != 64 || strspn(hash, "0123456789abcdef") != 64))
        err = refuse(why, "training.data_sha256", "is not 64 lower-case hexadecimal digits");
    if (err == ERR_OK && json_kind(json_member(training, "fictional")) != JSON_KIND_BOOLEAN)
        err = refuse(why, "training.fictional", "is neither true nor false");
    if (err == ERR_OK && json_kind(json_member(training, "horizon")) != JSON_KIND_NULL)
        err = check_text(training, "training", "horizon", why);
    if (err == ERR_OK)
        err = check_counts(training, why);
    if (err == ERR_OK)
        err = check_libraries(training, why);
    return err == ERR_OK ? check_parameters(training, why) : err;
}

// The mean of one value of the metrics.
static enum err read_metric(const struct json *values, const char *name, double *ret,
                            struct why *why)
{
    static const char *const members[] = {"mean", "sd"};
    char where[WHERE_MAX];
    snprintf(where, sizeof where, "metrics.values.%.60s", name);
    const struct json *metric = NULL;
    double sd = 0;
    enum err err = json_get_object(values, "metrics.values", name, &metric, why);
    if (err == ERR_OK)
        err = json_only_members(metric, where, members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = json_get_number(metric, where, "mean", ret, why);
    if (err == ERR_OK)
        err = json_get_number(metric, where, "sd", &sd, why);
    if (err == ERR_OK && sd < 0)
        err = refuse(why, where, "sd is negative");
    return err;
}

// The mean of one that is always there, and cannot be above `most`.
static enum err read_wanted(const struct json *values, const char *name, double most, double *ret,
                            struct why *why)
{
    enum err err = read_metric(values, name, ret, why);
    if (err == ERR_OK && !(*ret >= 0 && *ret <= most))
        err = why_code(why, ERR_REJECT, "bad-model", "metrics.values.%s: cannot be %.15g", name,
                       *ret);
    return err;
}

// An error of calibration that was measured on unseen people, and the limits of it. The first is
// the same for every file. The second is beside what chance alone would make of the error with so
// few people; since the file says that itself, it can only make the limit tighter.
struct calibration_error {
    const char *name, *by_chance;
    double most, most_above_chance;
};

static enum err judge_error(const struct json *values, const struct calibration_error *error,
                            struct why *why)
{
    double mean = 0, by_chance = 0;
    enum err err = read_wanted(values, error->name, 1, &mean, why);
    if (err == ERR_OK)
        err = read_wanted(values, error->by_chance, 1, &by_chance, why);
    char over[WHERE_MAX] = "";
    if (mean > error->most)
        snprintf(over, sizeof over, "over %.2f", error->most);
    else if (mean - by_chance > error->most_above_chance)
        snprintf(over, sizeof over, "over %.2f above the %.4f of chance", error->most_above_chance,
                 by_chance);
    if (err == ERR_OK && over[0] != '\0')
        err = why_code(why, ERR_REJECT, "badly-calibrated",
                       "metrics.values.%s is %.4f, %s: the model's probabilities do not mean what "
                       "they say; train it with a calibration, or of more people",
                       error->name, mean, over);
    return err;
}

static enum err judge_metrics(const struct json *values, struct why *why)
{
    static const struct {
        const char *name;
        double most;
    } wanted[] = {
        {"auc", 1}, {"average_precision", 1}, {"log_loss", (double)INFINITY}, {"brier", 1}};
    static const struct calibration_error errors[] = {
        {"ece", "ece_by_chance", .most = 0.06, .most_above_chance = 0.04},
        {"gap_above_threshold", "gap_by_chance", .most = 0.15, .most_above_chance = 0.10}};
    enum err err = ERR_OK;
    double mean = 0;
    for (size_t i = 0; err == ERR_OK && i < ARRAY_LEN(wanted); i++)
        err = read_wanted(values, wanted[i].name, wanted[i].most, &mean, why);
    for (size_t i = 0; err == ERR_OK && i < ARRAY_LEN(errors); i++)
        err = judge_error(values, &errors[i], why);
    return err;
}

static enum err read_metrics(const struct json *root, struct why *why)
{
    static const char *const members[] = {"protocol", "folds", "values"};
    const struct json *metrics = NULL, *values = NULL;
    int64_t folds = 0;
    enum err err = get_whole(root, "", "metrics", members, ARRAY_LEN(members), &metrics, why);
    if (err == ERR_OK)
        err = check_text(metrics, "metrics", "protocol", why);
    if (err == ERR_OK)
        err = json_get_integer(metrics, "metrics", "folds", 1, FOLDS_MAX, &folds, why);
    if (err == ERR_OK)
        err = json_get_object(metrics, "metrics", "values", &values, why);
    if (err == ERR_OK && json_count(values) > VALUES_MAX)
        err = refuse(why, "metrics.values", "has over 64 values");
    if (err == ERR_OK)
        err = judge_metrics(values, why);
    void *iterator = NULL;
    const char *name = NULL;
    double mean = 0;
    while (err == ERR_OK && json_next(values, &iterator, &name) != NULL)
        err = read_metric(values, name, &mean, why);
    return err;
}

// A number within bounds, or null where it could not be computed.
static enum err check_or_null(const struct json *node, const char *where, const char *name,
                              double min, double max, struct why *why)
{
    const struct json *member = json_member(node, name);
    if (member != NULL && json_kind(member) == JSON_KIND_NULL)
        return ERR_OK;
    if (!is_number(member))
        return why_code(why, ERR_REJECT, "bad-model", "%s.%s: is neither number nor null", where,
                        name);
    double number = json_as_number(member);
    return number >= min && number <= max
               ? ERR_OK
               : why_code(why, ERR_REJECT, "bad-model", "%s.%s: is not between %g and %g", where,
                          name, min, max);
}

static enum err check_group(const struct json *group, const char *where, struct why *why)
{
    static const char *const members[] = {
        "attribute", "group",     "people",     "leavers", "flagged", "selection_rate",
        "ratio",     "ratio_low", "ratio_high", "tpr",     "ppv",     "calibration_gap",
        "small"};
    static const char *const shares[] = {"selection_rate", "tpr", "ppv"};
    static const char *const ratios[] = {"ratio", "ratio_low", "ratio_high"};
    static const char *const counts[] = {"people", "leavers", "flagged"};
    if (json_kind(group) != JSON_KIND_OBJECT)
        return refuse(why, where, "is not an object");
    enum err err = json_only_members(group, where, members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = check_text(group, where, "attribute", why);
    if (err == ERR_OK)
        err = check_text(group, where, "group", why);
    for (size_t i = 0; err == ERR_OK && i < ARRAY_LEN(counts); i++)
        err = is_number(json_member(group, counts[i]))
                  ? check_or_null(group, where, counts[i], 0, (double)count_max, why)
                  : refuse(why, where, "people, leavers or flagged is no number");
    for (size_t i = 0; err == ERR_OK && i < ARRAY_LEN(shares); i++)
        err = check_or_null(group, where, shares[i], 0, 1, why);
    for (size_t i = 0; err == ERR_OK && i < ARRAY_LEN(ratios); i++)
        err = check_or_null(group, where, ratios[i], 0, (double)INFINITY, why);
    if (err == ERR_OK)
        err = check_or_null(group, where, "calibration_gap", -1, 1, why);
    const struct json *small = json_member(group, "small");
    if (err == ERR_OK && (small == NULL || json_kind(small) != JSON_KIND_BOOLEAN))
        err = refuse(why, where, "small is neither true nor false");
    return err;
}

static enum err read_fairness(const struct json *root, const struct model *model, struct why *why)
{
    static const char *const members[] = {"protocol", "threshold", "groups"};
    const struct json *fairness = NULL, *groups = NULL;
    double threshold = 0;
    enum err err = get_whole(root, "", "fairness", members, ARRAY_LEN(members), &fairness, why);
    if (err == ERR_OK)
        err = check_text(fairness, "fairness", "protocol", why);
    if (err == ERR_OK)
        err = json_get_number(fairness, "fairness", "threshold", &threshold, why);
    if (err == ERR_OK && threshold != model->threshold)
        err = refuse(why, "fairness.threshold", "is not that of the decision");
    if (err == ERR_OK)
        err = json_get_array(fairness, "fairness", "groups", GROUPS_MAX, &groups, why);
    for (size_t i = 0; err == ERR_OK && i < json_count(groups); i++) {
        char where[WHERE_MAX];
        snprintf(where, sizeof where, "fairness.groups[%zu]", i);
        err = check_group(json_at(groups, i), where, why);
    }
    return err;
}

// Shares that sum to 1.
static enum err check_shares(const struct json *node, const char *where, size_t count,
                             struct why *why)
{
    const struct json *list = NULL;
    double sum = 0;
    enum err err = json_get_array(node, where, "shares", FEATURES_CATEGORIES_MAX, &list, why);
    if (err == ERR_OK && json_count(list) != count)
        err = refuse(why, where, "has another number of shares");
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        const struct json *share = json_at(list, i);
        if (!is_number(share) || json_as_number(share) < 0)
            err = refuse(why, where, "a share is negative or no number");
        else
            sum += json_as_number(share);
    }
    if (err == ERR_OK && !(fabs(sum - 1) <= shares_tolerance))
        err = refuse(why, where, "the shares do not sum to 1");
    return err;
}

// Edges that ascend, and one share more than them.
static enum err check_histogram(const struct json *node, const char *where, struct why *why)
{
    const struct json *edges = NULL;
    enum err err = json_get_array(node, where, "edges", EDGES_MAX, &edges, why);
    double last = (double)-INFINITY;
    for (size_t i = 0; err == ERR_OK && i < json_count(edges); i++) {
        const struct json *edge = json_at(edges, i);
        if (!is_number(edge) || !(json_as_number(edge) > last))
            err = refuse(why, where, "edges do not ascend");
        else
            last = json_as_number(edge);
    }
    return err == ERR_OK ? check_shares(node, where, json_count(edges) + 1, why) : err;
}

static enum err check_distribution(const struct json *node, const char *where,
                                   const struct model *model, const struct input *input,
                                   struct why *why)
{
    static const char *const of_number[] = {"name", "missing", "shares", "edges"};
    const bool is_category = input->type == ATTRIBUTE_CATEGORY;
    const char *name = NULL;
    double missing = 0;
    if (json_kind(node) != JSON_KIND_OBJECT)
        return refuse(why, where, "is not an object");
    enum err err = json_only_members(node, where, of_number, is_category ? 3 : 4, why);
    if (err == ERR_OK)
        err = json_get_string(node, where, "name", FEATURES_NAME_MAX, &name, why);
    if (err == ERR_OK && strcmp(name, model->features->attributes[input->attribute].name) != 0)
        err = refuse(why, where, "is not of the input at this place");
    if (err == ERR_OK)
        err = json_get_number(node, where, "missing", &missing, why);
    if (err == ERR_OK && !(missing >= 0 && missing <= 1))
        err = refuse(why, where, "missing is no share");
    if (err != ERR_OK)
        return err;
    return is_category ? check_shares(node, where, input->level_count, why)
                       : check_histogram(node, where, why);
}

static enum err read_reference(const struct json *root, const struct model *model, struct why *why)
{
    static const char *const members[] = {"score", "features"};
    static const char *const of_score[] = {"edges", "shares", "mean"};
    const struct json *reference = NULL, *score = NULL, *list = NULL;
    double mean = 0;
    enum err err = get_whole(root, "", "reference", members, ARRAY_LEN(members), &reference, why);
    if (err == ERR_OK)
        err = get_whole(reference, "reference", "score", of_score, 3, &score, why);
    if (err == ERR_OK)
        err = check_histogram(score, "reference.score", why);
    if (err == ERR_OK)
        err = json_get_number(score, "reference.score", "mean", &mean, why);
    if (err == ERR_OK && !(mean >= 0 && mean <= 1))
        err = refuse(why, "reference.score", "mean is no probability");
    if (err == ERR_OK)
        err = json_get_array(reference, "reference", "features", FEATURES_MAX, &list, why);
    if (err == ERR_OK && json_count(list) != model->input_count)
        err = refuse(why, "reference.features", "has another number of inputs");
    for (size_t i = 0; err == ERR_OK && i < json_count(list); i++) {
        char where[WHERE_MAX];
        snprintf(where, sizeof where, "reference.features[%zu]", i);
        err = check_distribution(json_at(list, i), where, model, &model->inputs[i], why);
    }
    return err;
}

enum err model_read_report(const struct json *root, const struct model *model, struct why *why)
{
    enum err err = read_training(root, why);
    if (err == ERR_OK)
        err = read_metrics(root, why);
    if (err == ERR_OK)
        err = read_fairness(root, model, why);
    return err == ERR_OK ? read_reference(root, model, why) : err;
}
