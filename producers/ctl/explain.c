// SPDX-License-Identifier: MIT
// explain: one person's score, taken apart. Contributions are in log-odds, where they add up to the
// score exactly; people read them as what the odds are multiplied by. They are associations that
// the model found, so no sentence says "because". What would bring the score down is searched among
// what an employer can change, and stands here only after it was scored.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/exp.h"
#include "base/mem.h"
#include "base/parse.h"
#include "command.h"
#include "json/json.h"
#include "model/change.h"
#include "model/model.h"
#include "notes.h"
#include "state.h"
#include "store/employees.h"

enum { FILE_BYTES_MAX = 1 << 20, DEPTH_MAX = 8, OUT_BYTES_MAX = 1 << 20, WORDS_BYTES = 320 };

#define SETTINGS_DEF "explain.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl explain",
    .purpose =
        "Tells why somebody has the score they have: contributions in words, and the smallest "
        "change in the employer's hands that would bring it to the threshold.",
    .usage = "--employee ID | --file FILE [settings]",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

static const struct {
    const char *probability, *above, *model, *unknown, *reference, *associated, *others, *changes,
        *none, *notes, *missing;
} phrases[LANGUAGES] = {
    [LANGUAGE_EN] = {.probability = "probability",
                     .above = "high above",
                     .model = "model",
                     .unknown = "no probability: the model does not cover this person",
                     .reference = "The reference employee has",
                     .associated = "Associated with the difference",
                     .others = "all others",
                     .changes = "To bring it to the threshold or below, by the model",
                     .none = "No change of one or two things in the employer's hands is enough",
                     .notes = "Notes",
                     .missing = "not known"},
    [LANGUAGE_FR] = {.probability = "probabilité",
                     .above = "élevé au-dessus de",
                     .model = "modèle",
                     .unknown = "pas de probabilité : le modèle ne couvre pas cette personne",
                     .reference = "L'employé de référence a",
                     .associated = "Associé à l'écart",
                     .others = "tous les autres",
                     .changes = "Pour revenir au seuil ou en dessous, selon le modèle",
                     .none = "Aucun changement d'une ou deux choses à la main de l'employeur ne "
                             "suffit",
                     .notes = "Remarques",
                     .missing = "non connu"},
};

static const char *const bands_fr[] = {[BAND_LOW] = "faible",
                                       [BAND_ELEVATED] = "accru",
                                       [BAND_HIGH] = "élevé",
                                       [BAND_UNKNOWN] = "inconnu"};

struct reason {
    size_t attribute;
    double weight;
};

struct explanation {
    const struct features *features;
    const struct model *model;
    enum language language;
    const struct value *values;
    struct score score;
    struct reason *reasons; // of all attributes, largest first
    size_t listed;
    double others; // sum of those that are not listed
    struct model_counterfactual change;
    struct text notes; // lines
};

static int by_size(const void *a, const void *b)
{
    const struct reason *p = a, *q = b;
    double x = fabs(p->weight), y = fabs(q->weight);
    return x != y ? (x < y) - (x > y)
                  : (p->attribute > q->attribute) - (p->attribute < q->attribute);
}

static void list_reasons(struct explanation *explanation, size_t most)
{
    const size_t count = explanation->features->count;
    CLEANUP(mem_free_p) double *weights = mem_array(count, sizeof *weights);
    explanation->reasons = mem_array(count, sizeof *explanation->reasons);
    if (!model_contributions(explanation->model, explanation->values, weights))
        return;
    for (size_t i = 0; i < count; i++)
        explanation->reasons[i] = (struct reason){i, weights[i]};
    qsort(explanation->reasons, count, sizeof *explanation->reasons, by_size);
    for (size_t i = 0; i < count; i++)
        if (i < most && fabs(explanation->reasons[i].weight) >= MODEL_REASON_MIN)
            explanation->listed++;
        else
            explanation->others += explanation->reasons[i].weight;
}

// A value as people read it: the words of a category or a label, a number, or "not known".
static void word_value(const struct explanation *explanation, size_t at, const struct value *value,
                       char out[WORDS_BYTES])
{
    const struct attribute *attribute = &explanation->features->attributes[at];
    const char *label = NULL;
    switch (value->kind) {
    case VALUE_TEXT: {
        int category = attribute_category(attribute, value->text);
        if (category >= 0)
            label = words_or(&attribute->categories[category].words, explanation->language,
                             attribute->categories[category].name);
        snprintf(out, WORDS_BYTES, "%.*s",
                 label == NULL ? (int)value->text.len : (int)strlen(label),
                 label == NULL ? (const char *)value->text.data : label);
        return;
    }
    case VALUE_INTEGER:
    case VALUE_REAL:
        label = attribute_label(attribute, attribute_number(value), explanation->language);
        snprintf(out, WORDS_BYTES, "%.15g%s%s%s", attribute_number(value),
                 label == NULL ? "" : " (", label == NULL ? "" : label, label == NULL ? "" : ")");
        return;
    case VALUE_NULL:
    case VALUE_BOOLEAN:
    case VALUE_MAP:
        snprintf(out, WORDS_BYTES, "%s", phrases[explanation->language].missing);
        return;
    }
}

static const char *name_of(const struct explanation *explanation, size_t at)
{
    const struct attribute *attribute = &explanation->features->attributes[at];
    return words_or(&attribute->words, explanation->language, attribute->name);
}

static void print_changes(const struct explanation *explanation)
{
    const struct model_counterfactual *change = &explanation->change;
    if (!change->is_needed)
        return;
    if (change->count == 0) {
        printf("%s\n", phrases[explanation->language].none);
        return;
    }
    printf("%s:\n", phrases[explanation->language].changes);
    for (size_t i = 0; i < change->count; i++) {
        char from[WORDS_BYTES], to[WORDS_BYTES];
        size_t at = change->changes[i].attribute;
        word_value(explanation, at, &explanation->values[at], from);
        word_value(explanation, at, &change->changes[i].to, to);
        printf("  %s: %s -> %s\n", name_of(explanation, at), from, to);
    }
    printf("  = %.3f\n", change->score.probability);
}

static void print_reasons(const struct explanation *explanation)
{
    const enum language language = explanation->language;
    printf("%s %.3f. %s:\n", phrases[language].reference,
           exp_logistic(explanation->score.base_log_odds), phrases[language].associated);
    for (size_t i = 0; i < explanation->listed; i++) {
        const struct reason *reason = &explanation->reasons[i];
        char value[WORDS_BYTES];
        word_value(explanation, reason->attribute, &explanation->values[reason->attribute], value);
        printf("  %+.2f  x%.2f  %s: %s\n", reason->weight, exp(reason->weight),
               name_of(explanation, reason->attribute), value);
    }
    printf("  %+.2f  x%.2f  %s\n", explanation->others, exp(explanation->others),
           phrases[language].others);
}

static void print_text(const struct explanation *explanation)
{
    const struct score *score = &explanation->score;
    const enum language language = explanation->language;
    const char *band = language == LANGUAGE_FR ? bands_fr[score->band] : band_name(score->band);
    if (score->band == BAND_UNKNOWN) {
        printf("%s, %s %s\n", phrases[language].unknown, phrases[language].model,
               model_id(explanation->model));
    } else {
        printf("%s %.3f: %s (%s %.15g), %s %s\n", phrases[language].probability, score->probability,
               band, phrases[language].above, model_threshold(explanation->model),
               phrases[language].model, model_id(explanation->model));
        print_reasons(explanation);
    }
    print_changes(explanation);
    if (explanation->notes.len > 0)
        printf("%s: %s\n", phrases[language].notes, text_string(&explanation->notes));
}

static enum err write_value(struct text *out, const struct value *value)
{
    switch (value->kind) {
    case VALUE_TEXT:
        return json_write_string(out, value->text);
    case VALUE_INTEGER:
        return text_printf(out, "%lld", (long long)value->integer);
    case VALUE_REAL:
        return json_write_double(out, value->real);
    case VALUE_NULL:
    case VALUE_BOOLEAN:
    case VALUE_MAP:
        return text_append_string(out, "null");
    }
    return ERR_OK;
}

static enum err write_number(struct text *out, const char *name, double value)
{
    enum err err = text_printf(out, ",\"%s\":", name);
    return err == ERR_OK ? json_write_double(out, value) : err;
}

static enum err write_reasons(const struct explanation *explanation, struct text *out)
{
    enum err err = text_append_string(out, ",\"reasons\":[");
    for (size_t i = 0; err == ERR_OK && i < explanation->listed; i++) {
        const struct reason *reason = &explanation->reasons[i];
        err = text_printf(out, "%s{\"rank\":%zu,\"attribute\":\"%s\",\"value\":", i > 0 ? "," : "",
                          i + 1, explanation->features->attributes[reason->attribute].name);
        if (err == ERR_OK)
            err = write_value(out, &explanation->values[reason->attribute]);
        if (err == ERR_OK)
            err = text_printf(out, ",\"effect\":\"%s\"", reason->weight > 0 ? "raises" : "lowers");
        if (err == ERR_OK)
            err = write_number(out, "log_odds", reason->weight);
        if (err == ERR_OK)
            err = write_number(out, "odds_times", exp(reason->weight));
        if (err == ERR_OK)
            err = text_append_string(out, "}");
    }
    return err == ERR_OK ? text_append_string(out, "]") : err;
}

static enum err write_change(const struct explanation *explanation, struct text *out)
{
    const struct model_counterfactual *change = &explanation->change;
    if (change->count == 0)
        return text_append_string(out, ",\"counterfactual\":null");
    enum err err = text_append_string(out, ",\"counterfactual\":{\"changes\":[");
    for (size_t i = 0; err == ERR_OK && i < change->count; i++) {
        size_t at = change->changes[i].attribute;
        err = text_printf(out, "%s{\"attribute\":\"%s\",\"from\":", i > 0 ? "," : "",
                          explanation->features->attributes[at].name);
        if (err == ERR_OK)
            err = write_value(out, &explanation->values[at]);
        if (err == ERR_OK)
            err = text_append_string(out, ",\"to\":");
        if (err == ERR_OK)
            err = write_value(out, &change->changes[i].to);
        if (err == ERR_OK)
            err = text_append_string(out, "}");
    }
    if (err == ERR_OK)
        err = text_append_string(out, "]");
    if (err == ERR_OK)
        err = write_number(out, "churn_probability", change->score.probability);
    return err == ERR_OK ? text_append_string(out, "}") : err;
}

static enum err print_json(const struct explanation *explanation, struct why *why)
{
    CLEANUP(text_done) struct text out = TEXT_INIT(OUT_BYTES_MAX);
    const struct score *score = &explanation->score;
    enum err err = text_printf(&out, "{\"model_id\":\"%s\",\"band\":\"%s\"",
                               model_id(explanation->model), band_name(score->band));
    if (err == ERR_OK)
        err = write_number(&out, "churn_probability", score->probability);
    if (err == ERR_OK)
        err = write_number(&out, "threshold", model_threshold(explanation->model));
    if (err == ERR_OK)
        err = write_number(&out, "log_odds", score->log_odds);
    if (err == ERR_OK)
        err = write_number(&out, "base_log_odds", score->base_log_odds);
    if (err == ERR_OK)
        err = write_reasons(explanation, &out);
    if (err == ERR_OK)
        err = write_number(&out, "other_log_odds", explanation->others);
    if (err == ERR_OK)
        err = write_change(explanation, &out);
    if (err == ERR_OK)
        err = text_append_string(&out, ",\"notes\":");
    if (err == ERR_OK)
        err = json_write_string(&out, text_bytes(&explanation->notes));
    if (err == ERR_OK)
        err = text_append_string(&out, "}\n");
    if (err != ERR_OK)
        return why_say(why, ERR_FATAL, "the answer is too long");
    fwrite(out.data, 1, out.len, stdout);
    return ERR_OK;
}

// The latest state of an employee, from the table.
static enum err load_employee(const struct settings *settings, struct text *row, struct why *why)
{
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    bool is_found = false;
    enum err err = command_connect(settings->database_url, &pg, why);
    if (err == ERR_OK)
        err = employees_read(pg, settings->employee, row, &is_found, why);
    if (err == ERR_OK && !is_found)
        err =
            why_say(why, ERR_REJECT, "there is no employee %s in the database", settings->employee);
    return err;
}

static enum err load_state(const struct settings *settings, struct json **ret, struct text *row,
                           struct why *why)
{
    bool has_employee = settings->employee[0] != '\0', has_file = settings->file[0] != '\0';
    if (has_employee == has_file)
        return command_misuse(why, "give either --employee or --file");
    if (has_file)
        return json_load(settings->file, FILE_BYTES_MAX, DEPTH_MAX, ret, NULL, why);
    enum err err = load_employee(settings, row, why);
    return err == ERR_OK ? json_parse(text_bytes(row), FILE_BYTES_MAX, DEPTH_MAX, ret, why) : err;
}

static enum err explain_values(const struct settings *settings, struct explanation *explanation,
                               struct why *why)
{
    model_score(explanation->model, explanation->values, &explanation->score);
    list_reasons(explanation, (size_t)settings->reasons);
    model_find_change(explanation->model, explanation->values, &explanation->change);
    enum err err = notes_write(explanation->model, explanation->features, explanation->values,
                               explanation->language, &explanation->notes, why);
    if (err != ERR_OK)
        return err;
    if (settings->is_json)
        return print_json(explanation, why);
    print_text(explanation);
    return ERR_OK;
}

static enum err explain(const struct settings *settings, struct why *why)
{
    CLEANUP(features_free_p) struct features *features = NULL;
    CLEANUP(model_free_p) struct model *model = NULL;
    CLEANUP(json_free_p) struct json *object = NULL;
    CLEANUP(text_done) struct text row = TEXT_INIT(FILE_BYTES_MAX);
    CLEANUP(mem_free_p) struct value *values = NULL;
    struct explanation explanation = {.notes = TEXT_INIT(OUT_BYTES_MAX)};
    enum err err = command_read_language(settings->language, &explanation.language, why);
    if (err == ERR_OK)
        err = features_load(settings->features, &features, why);
    if (err == ERR_OK)
        err = model_load(settings->model, features, &model, why);
    if (err == ERR_OK)
        err = load_state(settings, &object, &row, why);
    if (err != ERR_OK)
        return err;
    values = mem_array(features->count, sizeof *values);
    err = state_read(features, object, values, why);
    if (err != ERR_OK)
        return err;
    explanation.features = features;
    explanation.model = model;
    explanation.values = values;
    err = explain_values(settings, &explanation, why);
    free(explanation.reasons);
    text_done(&explanation.notes);
    return err;
}

int command_explain(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 0, 0, &status))
        return status;
    return command_end(&spec, &settings, explain(&settings, &why), &why);
}
