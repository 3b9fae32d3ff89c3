// SPDX-License-Identifier: MIT
#include "store/plans.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/retention_plans.h"
#include "store/sql.h"

// Arrays in, one row each out. Statements that write are atomic on their own, and say by their rows
// what came of each item, so no item needs a round trip of its own. The unique index on accepted
// answers is what keeps a plan to one; where two processes meet there, one of the statements fails
// as a whole and is sent again, when it can see the other's answer.

static int64_t tokens_of(const struct pg_rows *rows, size_t row, int column)
{
    return pg_is_null(rows, row, column) ? PLAN_NO_TOKENS : pg_get_int8(rows, row, column);
}

static enum band band_of(struct bytes text)
{
    enum band band = BAND_UNKNOWN;
    IGNORE(band_from_text(text, &band)); // the table's own check allows no other word
    return band;
}

// `first`: the column where an answer begins. All statements give them in this order.
static void read_answer(const struct pg_rows *rows, size_t row, int first, struct plans_answer *ret)
{
    enum {
        PLAN_ID,
        PROVIDER,
        MODEL_NAME,
        PROMPT_SHA256,
        LANGUAGE,
        COPIED_FROM,
        ACTION_1,
        INPUT_TOKENS = ACTION_1 + PLAN_ACTIONS,
        OUTPUT_TOKENS,
        FINISHED_AT
    };
    *ret = (struct plans_answer){
        .plan_id = pg_get_text(rows, row, first + PLAN_ID),
        .provider = pg_get_text(rows, row, first + PROVIDER),
        .model_name = pg_get_text(rows, row, first + MODEL_NAME),
        .prompt_sha256 = pg_get_text(rows, row, first + PROMPT_SHA256),
        .language = pg_get_text(rows, row, first + LANGUAGE),
        .copied_from = pg_get_text(rows, row, first + COPIED_FROM),
        .input_tokens = tokens_of(rows, row, first + INPUT_TOKENS),
        .output_tokens = tokens_of(rows, row, first + OUTPUT_TOKENS),
        .finished_at_ms = pg_get_time_ms(rows, row, first + FINISHED_AT),
    };
    for (size_t i = 0; i < PLAN_ACTIONS; i++)
        ret->actions[i] = pg_get_text(rows, row, first + ACTION_1 + (int)i);
}

// ---- what is there

enum {
    LOOK_IS_RECORDED,
    LOOK_EMPLOYEE,
    LOOK_BAND,
    LOOK_PROBABILITY,
    LOOK_SCORED_AT,
    LOOK_REASON_1,
    LOOK_HAS_LEFT = LOOK_REASON_1 + 2 * PREDICTION_REASONS,
    LOOK_HAS_OPENED,
    LOOK_CLOSED,
    LOOK_ATTEMPTS,
    LOOK_UNFINISHED,
    LOOK_HAS_FACTS,
    LOOK_FACT_NAMES,
    LOOK_FACT_VALUES,
    LOOK_ANSWER,
};

static enum plans_episode episode_of(const struct pg_rows *rows, size_t row)
{
    if (!pg_get_bool(rows, row, LOOK_HAS_OPENED))
        return PLANS_EPISODE_NONE;
    if (pg_is_null(rows, row, LOOK_CLOSED))
        return PLANS_EPISODE_OPEN;
    return bytes_equal_string(pg_get_text(rows, row, LOOK_CLOSED), "left") ? PLANS_EPISODE_LEFT
                                                                           : PLANS_EPISODE_FELL;
}

static void read_seen(const struct pg_rows *rows, size_t row, struct plans_seen *ret)
{
    *ret = (struct plans_seen){
        .is_recorded = pg_get_bool(rows, row, LOOK_IS_RECORDED),
        .employee_id = pg_get_text(rows, row, LOOK_EMPLOYEE),
        .band = band_of(pg_get_text(rows, row, LOOK_BAND)),
        .probability = pg_get_float8(rows, row, LOOK_PROBABILITY),
        .scored_at_ms = pg_get_time_ms(rows, row, LOOK_SCORED_AT),
        .has_left = pg_get_bool(rows, row, LOOK_HAS_LEFT),
        .episode = episode_of(rows, row),
        .attempts = pg_get_int4(rows, row, LOOK_ATTEMPTS),
        .unfinished = pg_get_int8(rows, row, LOOK_UNFINISHED),
        .has_facts = pg_get_bool(rows, row, LOOK_HAS_FACTS),
    };
    for (size_t i = 0; i < PREDICTION_REASONS; i++) {
        ret->reasons[i].attribute = pg_get_text(rows, row, LOOK_REASON_1 + 2 * (int)i);
        ret->reasons[i].weight = pg_get_float8(rows, row, LOOK_REASON_1 + 2 * (int)i + 1);
    }
    // The table's check gives both the same length.
    ret->fact_count =
        pg_get_texts(rows, row, LOOK_FACT_NAMES, &ret->facts[0][0], PLAN_FACTS_MAX, 2);
    IGNORE(pg_get_texts(rows, row, LOOK_FACT_VALUES, &ret->facts[0][1], PLAN_FACTS_MAX, 2));
    read_answer(rows, row, LOOK_ANSWER, &ret->answer);
}

enum err plans_look(struct pg *pg, const struct bytes *plan_ids, const struct bytes *prediction_ids,
                    size_t count, struct plans_seen *ret, struct pg_rows **ret_rows,
                    struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    const struct pg_param params[] = {PG_TEXTS(plan_ids, count), PG_TEXTS(prediction_ids, count)};
    enum err err = pg_exec(pg, sql_plans_look, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < count; i++)
        read_seen(rows, i, &ret[i]);
    *ret_rows = TAKE(rows);
    return ERR_OK;
}

enum err plans_fresh(struct pg *pg, const struct bytes *employee_ids, const struct bytes *languages,
                     size_t count, int64_t since_ms, struct plan *ret, struct pg_rows **ret_rows,
                     struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    const struct pg_param params[] = {PG_TEXTS(employee_ids, count), PG_TEXTS(languages, count),
                                      PG_TIME(since_ms)};
    enum err err = pg_exec(pg, sql_plans_fresh, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < count; i++)
        retention_plans_read(rows, i, &ret[i]);
    *ret_rows = TAKE(rows);
    return ERR_OK;
}

enum err plans_cached(struct pg *pg, const struct bytes *prompt_hashes, size_t count,
                      int64_t since_ms, struct plans_answer *ret, struct pg_rows **ret_rows,
                      struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    const struct pg_param params[] = {PG_TEXTS(prompt_hashes, count), PG_TIME(since_ms)};
    enum err err = pg_exec(pg, sql_plans_cached, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < count; i++)
        read_answer(rows, i, 0, &ret[i]);
    *ret_rows = TAKE(rows);
    return ERR_OK;
}

// ---- the ledger

enum { PARAMS_MAX = 12 };

// A statement about many items: arrays of their values, each `count` long.
struct batch {
    struct bytes *texts;
    int32_t *attempts;
    int64_t *numbers;
    struct pg_param params[PARAMS_MAX];
    struct pg_statement statement;
};

static void batch_init(struct batch *batch, const char *sql, size_t params, size_t texts,
                       size_t numbers, size_t count)
{
    batch->texts = mem_array(texts * count, sizeof *batch->texts);
    batch->attempts = mem_array(count, sizeof *batch->attempts);
    batch->numbers = mem_array(numbers * count, sizeof *batch->numbers);
    batch->statement = (struct pg_statement){sql, batch->params, params};
}

static void batch_done(struct batch *batch)
{
    free(batch->texts);
    free(batch->attempts);
    free(batch->numbers);
}

static void batch_of_claims(struct batch *ret, const char *owner, const struct plans_claim *claims,
                            size_t count)
{
    enum { PLAN_ID, PROVIDER, MODEL_NAME, PROMPT_SHA256, LANGUAGE, COPIED_FROM, TEXTS };
    enum { PARAMS = 9 };
    batch_init(ret, sql_plans_claim, PARAMS, TEXTS, 1, count);
    struct bytes *texts = ret->texts;
    for (size_t i = 0; i < count; i++) {
        const struct plans_claim *claim = &claims[i];
        texts[PLAN_ID * count + i] = claim->plan_id;
        texts[PROVIDER * count + i] = claim->provider;
        texts[MODEL_NAME * count + i] = claim->model_name;
        texts[PROMPT_SHA256 * count + i] = claim->prompt_sha256;
        texts[LANGUAGE * count + i] = claim->language;
        texts[COPIED_FROM * count + i] = claim->copied_from;
        ret->attempts[i] = claim->attempt;
        ret->numbers[i] = claim->claimed_at_ms;
    }
    const struct pg_param params[PARAMS] = {
        PG_STRING(owner),
        PG_TEXTS(texts + PLAN_ID * count, count),
        PG_INT4S(ret->attempts, count),
        PG_TEXTS(texts + PROVIDER * count, count),
        PG_TEXTS(texts + MODEL_NAME * count, count),
        PG_TEXTS(texts + PROMPT_SHA256 * count, count),
        PG_TEXTS(texts + LANGUAGE * count, count),
        PG_TIMES(ret->numbers, count),
        PG_TEXTS(texts + COPIED_FROM * count, count),
    };
    memcpy(ret->params, params, sizeof params);
}

static int64_t null_or(int64_t tokens)
{
    return tokens == PLAN_NO_TOKENS ? PG_NULL_INT8 : tokens;
}

static void batch_of_results(struct batch *ret, const char *owner,
                             const struct plans_result *results, size_t count)
{
    enum { PLAN_ID, OUTCOME, MODEL_NAME, ACTION_1, TEXTS = ACTION_1 + PLAN_ACTIONS };
    enum { FINISHED_AT, INPUT, OUTPUT, COST, NUMBERS };
    enum { PARAMS = 12 };
    batch_init(ret, sql_plans_store, PARAMS, TEXTS, NUMBERS, count);
    struct bytes *texts = ret->texts;
    int64_t *numbers = ret->numbers;
    for (size_t i = 0; i < count; i++) {
        const struct plans_result *result = &results[i];
        texts[PLAN_ID * count + i] = result->plan_id;
        texts[OUTCOME * count + i] = result->outcome;
        texts[MODEL_NAME * count + i] = result->model_name;
        for (size_t k = 0; k < PLAN_ACTIONS; k++)
            texts[(ACTION_1 + k) * count + i] = result->actions[k];
        ret->attempts[i] = result->attempt;
        numbers[FINISHED_AT * count + i] = result->finished_at_ms;
        numbers[INPUT * count + i] = null_or(result->input_tokens);
        numbers[OUTPUT * count + i] = null_or(result->output_tokens);
        numbers[COST * count + i] = result->cost_microusd;
    }
    const struct pg_param params[PARAMS] = {
        PG_STRING(owner),
        PG_TEXTS(texts + PLAN_ID * count, count),
        PG_INT4S(ret->attempts, count),
        PG_TIMES(numbers + FINISHED_AT * count, count),
        PG_TEXTS(texts + OUTCOME * count, count),
        PG_TEXTS(texts + MODEL_NAME * count, count),
        PG_TEXTS(texts + ACTION_1 * count, count),
        PG_TEXTS(texts + (ACTION_1 + 1) * count, count),
        PG_TEXTS(texts + (ACTION_1 + 2) * count, count),
        PG_INT8S(numbers + INPUT * count, count),
        PG_INT8S(numbers + OUTPUT * count, count),
        PG_INT8S(numbers + COST * count, count),
    };
    memcpy(ret->params, params, sizeof params);
}

static enum err run(struct pg *pg, const struct batch *batch, struct pg_rows **ret, struct why *why)
{
    const struct pg_statement *statement = &batch->statement;
    return pg_exec(pg, statement->sql, statement->params, statement->count, ret, why);
}

static void read_claimed(const struct pg_rows *rows, size_t count, bool *ret)
{
    for (size_t i = 0; i < count; i++)
        ret[i] = pg_get_bool(rows, i, 0);
}

static void read_stored(const struct pg_rows *rows, size_t count, struct plans_stored *ret)
{
    for (size_t i = 0; i < count; i++) {
        ret[i].is_stored = pg_get_bool(rows, i, 0);
        read_answer(rows, i, 1, &ret[i].answer);
    }
}

enum err plans_claim(struct pg *pg, const char *owner, const struct plans_claim *claims,
                     size_t count, bool *ret_claimed, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    CLEANUP(batch_done) struct batch batch;
    batch_of_claims(&batch, owner, claims, count);
    enum err err = run(pg, &batch, &rows, why);
    if (err == ERR_OK)
        read_claimed(rows, count, ret_claimed);
    return err;
}

enum err plans_store(struct pg *pg, const char *owner, const struct plans_result *results,
                     size_t count, struct plans_stored *ret, struct pg_rows **ret_rows,
                     struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    CLEANUP(batch_done) struct batch batch;
    struct why first = {0};
    batch_of_results(&batch, owner, results, count);
    enum err err = run(pg, &batch, &rows, &first);
    // Another process has stored an answer between the look and the write: it can be seen now.
    if (err == ERR_REJECT && strcmp(first.code, "23505") == 0)
        err = run(pg, &batch, &rows, why);
    else if (err != ERR_OK && why != NULL)
        *why = first;
    if (err != ERR_OK)
        return err;
    read_stored(rows, count, ret);
    *ret_rows = TAKE(rows);
    return ERR_OK;
}

static enum err write_both(struct pg *pg, const char *owner, const struct plans_claims *claims,
                           const struct plans_results *results, struct pg_rows **ret_rows,
                           struct why *why)
{
    CLEANUP(batch_done) struct batch first;
    CLEANUP(batch_done) struct batch second;
    struct pg_rows *rows[2] = {NULL, NULL};
    batch_of_claims(&first, owner, claims->list, claims->count);
    batch_of_results(&second, owner, results->list, results->count);
    const struct pg_statement statements[] = {first.statement, second.statement};
    enum err err = pg_exec_together(pg, statements, 2, rows, why);
    if (err != ERR_OK)
        return err;
    read_claimed(rows[0], claims->count, claims->ret_claimed);
    read_stored(rows[1], results->count, results->ret);
    pg_rows_free(rows[0]);
    *ret_rows = rows[1];
    return ERR_OK;
}

enum err plans_write(struct pg *pg, const char *owner, const struct plans_claims *claims,
                     const struct plans_results *results, struct pg_rows **ret_rows,
                     struct why *why)
{
    enum err err = ERR_REJECT;
    if (claims->count > 0 && results->count > 0)
        err = write_both(pg, owner, claims, results, ret_rows, why);
    if (err != ERR_REJECT)
        return err;
    // What one of them broke the other need not suffer for.
    err = claims->count == 0
              ? ERR_OK
              : plans_claim(pg, owner, claims->list, claims->count, claims->ret_claimed, why);
    return err == ERR_OK && results->count > 0
               ? plans_store(pg, owner, results->list, results->count, results->ret, ret_rows, why)
               : err;
}
