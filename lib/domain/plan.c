// SPDX-License-Identifier: MIT
// What makes a plan one: three actions with a maker, or a refusal with its code, and never both.
// The worker that writes plans and the recorder that stores them hold them to the same check.

#include "domain/plan.h"

#include <string.h>

#include "base/compiler.h"
#include "domain/employee.h"
#include "domain/features.h"
#include "domain/storable.h"

static const char *const statuses[] = {
    [PLAN_WRITTEN] = "written", [PLAN_FALLBACK] = "fallback", [PLAN_REFUSED] = "refused"};
static const char *const makers[] = {[PLAN_MAKER_GEMINI] = "gemini",
                                     [PLAN_MAKER_OPENAI] = "openai-compatible",
                                     [PLAN_MAKER_RULES] = "rules"};

const char *plan_status_name(enum plan_status status)
{
    return statuses[status];
}

const char *plan_maker_name(enum plan_maker maker)
{
    return makers[maker];
}

bool plan_status_from_text(struct bytes text, enum plan_status *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (bytes_equal_string(text, statuses[i])) {
            *ret = (enum plan_status)i;
            return true;
        }
    return false;
}

bool plan_maker_from_text(struct bytes text, enum plan_maker *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(makers); i++)
        if (bytes_equal_string(text, makers[i])) {
            *ret = (enum plan_maker)i;
            return true;
        }
    return false;
}

struct id {
    struct bytes text;
    size_t max;
    const char *code, *name;
};

static enum err check_ids(const struct id *ids, size_t count, struct why *why)
{
    for (size_t i = 0; i < count; i++)
        if (!storable_id(ids[i].text, ids[i].max))
            return why_code(why, ERR_REJECT, ids[i].code, "%s is not usable", ids[i].name);
    return ERR_OK;
}

static enum err check_texts(const struct bytes *texts, size_t count, size_t max, struct why *why)
{
    for (size_t i = 0; i < count; i++)
        if (!storable_text(texts[i], max))
            return why_code(why, ERR_REJECT, "bad-text",
                            "a text is too long, no UTF-8 or has a zero byte");
    return ERR_OK;
}

static enum err check_status(const struct plan *plan, struct why *why)
{
    bool is_refused = plan->status == PLAN_REFUSED;
    enum plan_maker maker = PLAN_MAKER_RULES;
    if (plan->generated_by.data != NULL && !plan_maker_from_text(plan->generated_by, &maker))
        return why_code(why, ERR_REJECT, "bad-maker",
                        "generated_by is none of gemini, openai-compatible, rules");
    bool is_good = (plan->generated_by.data == NULL) == is_refused &&
                   (plan->refusal.data != NULL) == is_refused;
    for (size_t i = 0; i < PLAN_ACTIONS; i++)
        is_good = is_good && (plan->actions[i].data == NULL) == is_refused &&
                  (is_refused || plan->actions[i].len > 0);
    if (!is_refused)
        is_good = is_good && (plan->status == PLAN_FALLBACK) == (maker == PLAN_MAKER_RULES);
    return is_good ? ERR_OK
                   : why_code(why, ERR_REJECT, "bad-plan",
                              "actions, generated_by and refusal do not go with status %s",
                              statuses[plan->status]);
}

enum err plan_check(const struct plan *plan, struct why *why)
{
    const struct id ids[] = {
        {plan->plan_id, 2 * EVENT_TEXT_MAX, "bad-plan-id", "plan_id"},
        {plan->prediction_id, 2 * EVENT_TEXT_MAX, "bad-prediction-id", "prediction_id"},
        {plan->employee_id, EMPLOYEE_ID_MAX, "bad-employee-id", "employee_id"}};
    const struct bytes words[] = {plan->language, plan->model_name, plan->prompt_sha256,
                                  plan->refusal};
    const struct bytes texts[] = {plan->request_id, plan->requested_by, plan->reused_from};
    enum err err = check_ids(ids, ARRAY_LEN(ids), why);
    if (err == ERR_OK)
        err = check_texts(words, ARRAY_LEN(words), PLAN_WORD_MAX, why);
    if (err == ERR_OK)
        err = check_texts(texts, ARRAY_LEN(texts), 2 * EVENT_TEXT_MAX, why);
    if (err == ERR_OK)
        err = check_texts(plan->actions, PLAN_ACTIONS, PLAN_ACTION_MAX, why);
    if (err == ERR_OK && !storable_time(plan->created_at_ms))
        err = why_code(why, ERR_REJECT, "bad-time",
                       "created_at is not between the years 1970 and 9999");
    if (err == ERR_OK &&
        (plan->input_tokens < PLAN_NO_TOKENS || plan->output_tokens < PLAN_NO_TOKENS))
        err = why_code(why, ERR_REJECT, "bad-tokens", "a number of tokens is negative");
    return err == ERR_OK ? check_status(plan, why) : err;
}

enum err plan_request_check(const struct plan_request *request, struct bytes key, struct why *why)
{
    const struct id ids[] = {
        {request->request_id, EVENT_TEXT_MAX, "bad-request-id", "request_id"},
        {request->prediction_id, 2 * EVENT_TEXT_MAX, "bad-prediction-id", "prediction_id"},
        {request->employee_id, EMPLOYEE_ID_MAX, "bad-employee-id", "employee_id"}};
    enum language language = LANGUAGE_EN;
    enum err err = check_ids(ids, ARRAY_LEN(ids), why);
    if (err == ERR_OK)
        err = check_texts(&request->requested_by, 1, EVENT_TEXT_MAX, why);
    if (err != ERR_OK)
        return err;
    if (!storable_time(request->requested_at_ms))
        return why_code(why, ERR_REJECT, "bad-time",
                        "requested_at is not between the years 1970 and 9999");
    if (request->language.data != NULL && !language_from_text(request->language, &language))
        return why_code(why, ERR_REJECT, "bad-language", "language is neither en nor fr");
    if (!bytes_equal(key, request->employee_id))
        return why_code(why, ERR_REJECT, "key-mismatch", "the record's key is not its employee_id");
    return ERR_OK;
}
