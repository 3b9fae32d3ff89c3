// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bus/topics.h"
#include "decide.h"
#include "metrics.h"
#include "parts.h"
#include "store/offsets.h"
#include "store/plans.h"

// Every task is looked up in the tables before anything is done for it: after a crash a result may
// be stored already. One statement for many tasks; a second and a third for those that a plan is
// due for: is there one that a person may have again, is there an answer to the same prompt.

enum { LOOK_BATCH = 500, AGAIN_FIRST_MS = 20, AGAIN_MOST_MS = 1000, ASK_MS = 2000 };

// Tasks of one round.
struct round {
    struct task *tasks[LOOK_BATCH];
    size_t count;
};

static void requeue(struct retention *retention, struct task *first)
{
    for (struct task *task = first, *next = NULL; task != NULL; task = next) {
        next = task->next;
        task_queue_add(&retention->looking, task);
    }
}

// Takes the tasks that are due; the others stay.
static void gather(struct retention *retention, struct round *round)
{
    int64_t now_ms = clock_mono_ms();
    struct task *rest = task_queue_take(&retention->looking);
    round->count = 0;
    while (rest != NULL && round->count < LOOK_BATCH) {
        struct task *task = rest;
        rest = task->next;
        if (task->due_ms <= now_ms)
            round->tasks[round->count++] = task;
        else
            task_queue_add(&retention->looking, task);
    }
    retention->is_turn_due |= rest != NULL;
    requeue(retention, rest);
}

void retention_look_again(struct retention *retention, struct task *task)
{
    task->due_ms = 0;
    task_queue_add(&retention->looking, task);
    retention->is_turn_due = true;
}

// ---- waiting for the recorder

// What a round knows of the recorder: where it stood before the rows were read, so that a row which
// it had passed by then is seen; and where topics ended after that.
struct recorder {
    struct offsets_place *places[DECIDE_MISSING_KINDS];
    size_t counts[DECIDE_MISSING_KINDS];
    int64_t *ends[DECIDE_MISSING_KINDS]; // of each partition; 0: not asked for yet
    bool is_deaf;                        // the broker did not answer
};

static void recorder_done(struct recorder *recorder)
{
    for (size_t kind = 0; kind < DECIDE_MISSING_KINDS; kind++) {
        free(recorder->places[kind]);
        free(recorder->ends[kind]);
    }
}

static const char *topic_of(const struct retention *retention, enum decide_missing missing)
{
    return missing == MISSING_PREDICTION ? retention->predictions : retention->high_risk;
}

// Reads the places that tasks of the round wait for.
static enum err recorder_read(struct retention *retention, const struct round *round,
                              struct recorder *recorder, struct why *why)
{
    enum err err = ERR_OK;
    for (size_t kind = 0; kind < DECIDE_MISSING_KINDS && err == ERR_OK; kind++) {
        bool is_needed = false;
        for (size_t i = 0; i < round->count; i++)
            is_needed |= round->tasks[i]->ends[kind] >= 0;
        if (is_needed)
            err = offsets_list(retention->pg, topic_of(retention, (enum decide_missing)kind),
                               &recorder->places[kind], &recorder->counts[kind], why);
    }
    return err;
}

static bool has_passed(const struct recorder *recorder, enum decide_missing missing,
                       const struct task *task)
{
    for (size_t i = 0; i < recorder->counts[missing]; i++) {
        const struct offsets_place *place = &recorder->places[missing][i];
        if (place->partition == task->partition)
            return place->row.next >= task->ends[missing];
    }
    return false;
}

// From a client of its own, whose threads cost CPU time: it is made by the first question.
static enum err ask_end(struct retention *retention, const char *topic, int32_t partition,
                        int64_t *ret)
{
    enum err err = ERR_OK;
    if (retention->ends == NULL)
        err = bus_ends_open(retention->options.bus, &retention->ends, NULL);
    return err == ERR_OK ? bus_ends_ask(retention->ends, topic, partition, ASK_MS, ret, NULL) : err;
}

// The end of the topic that the row comes from, now that it is known to be missing: the row's
// record is before it. Where the broker does not answer, the next look asks again.
static void note_end(struct retention *retention, struct recorder *recorder,
                     enum decide_missing missing, struct task *task)
{
    bool is_kept = task->partition < retention->partitions;
    if (recorder->ends[missing] == NULL)
        recorder->ends[missing] =
            mem_array((size_t)retention->partitions, sizeof *recorder->ends[missing]);
    int64_t end = is_kept ? recorder->ends[missing][task->partition] : 0;
    if (end == 0) {
        recorder->is_deaf |= !bus_consumer_is_connected(retention->consumer, NULL);
        if (!recorder->is_deaf)
            recorder->is_deaf =
                ask_end(retention, topic_of(retention, missing), task->partition, &end) != ERR_OK;
        if (recorder->is_deaf)
            return;
    }
    if (is_kept)
        recorder->ends[missing][task->partition] = end;
    task->ends[missing] = end;
}

// ---- what becomes of a task

// The facts and reasons of a request, from the row that the recorder has copied.
static void take_basis(const struct retention *retention, struct task *task,
                       const struct plans_seen *seen)
{
    if (task->has_basis)
        return;
    struct basis_record record = {.facts = (const struct bytes(*)[2])seen->facts,
                                  .fact_count = seen->fact_count,
                                  .band = seen->band,
                                  .probability = seen->probability};
    for (size_t i = 0; i < PREDICTION_REASONS; i++)
        record.reasons[i] =
            (struct basis_reason){seen->reasons[i].attribute, seen->reasons[i].weight};
    basis_of(retention->options.features, retention->options.facts, &record, task->language,
             &task->basis);
    task->has_basis = true;
}

// A result that stands in the ledger is this task's.
static void take_answer(struct task *task, const struct plans_answer *answer)
{
    struct task_result *result = task_fresh_result(task);
    bool is_rules = bytes_equal_string(answer->provider, plan_maker_name(PLAN_MAKER_RULES));
    result->status = is_rules ? PLAN_FALLBACK : PLAN_WRITTEN;
    for (size_t i = 0; i < PLAN_ACTIONS; i++)
        result->actions[i] = task_text(answer->actions[i]);
    result->generated_by = task_text(answer->provider);
    result->model_name = task_text(answer->model_name);
    result->input_tokens = answer->input_tokens;
    result->output_tokens = answer->output_tokens;
    if (answer->prompt_sha256.len == CRYPTO_SHA256_HEX - 1)
        memcpy(result->prompt_sha256, answer->prompt_sha256.data, CRYPTO_SHA256_HEX - 1);
}

void retention_take_answer(struct retention *retention, struct task *task,
                           const struct plans_answer *answer)
{
    take_answer(task, answer);
    task_finish(task, &retention->order);
}

static void wait_for_recorder(struct retention *retention, struct task *task)
{
    int64_t wait_ms = (int64_t)AGAIN_FIRST_MS << (task->looks < 6 ? task->looks : 6);
    if (wait_ms > AGAIN_MOST_MS)
        wait_ms = AGAIN_MOST_MS;
    task->looks++;
    task->waited_ms += wait_ms; // while the tables are away no time passes
    task->due_ms = clock_mono_ms() + wait_ms;
    task_queue_add(&retention->looking, task);
}

// A plan is due: its prompt is written, and it waits for the last two questions.
static enum err make(struct retention *retention, struct task *task, const struct plans_seen *seen,
                     struct round *made, struct why *why)
{
    take_basis(retention, task, seen);
    task->attempts = seen->attempts;
    if (!task->has_prompt) {
        enum err err = prompt_write(retention->options.features, &task->basis, &task->prompt, why);
        if (err != ERR_OK)
            return err;
        task->has_prompt = true;
    }
    made->tasks[made->count++] = task;
    return ERR_OK;
}

static enum err judge(struct retention *retention, struct recorder *recorder, struct task *task,
                      const struct plans_seen *seen, struct round *made, struct why *why)
{
    struct decide_input input = {.is_request = task->is_request,
                                 .seen = seen,
                                 .employee_id = bytes_from_string(task->employee_id),
                                 .waited_ms = task->waited_ms};
    const char *refusal = NULL;
    enum decide_missing missing = MISSING_PREDICTION;
    enum decision decision = decide(&input, &refusal, &missing);
    if (decision == DECIDE_WAIT && task->ends[missing] < 0) {
        note_end(retention, recorder, missing, task);
    } else if (decision == DECIDE_WAIT) {
        input.is_passed = has_passed(recorder, missing, task);
        decision = decide(&input, &refusal, &missing);
    }
    switch (decision) {
    case DECIDE_MAKE:
        return make(retention, task, seen, made, why);
    case DECIDE_ANSWER:
        retention_take_answer(retention, task, &seen->answer);
        break;
    case DECIDE_PASS:
        task_pass(task, &retention->order);
        break;
    case DECIDE_REFUSE:
        task_refuse(task, &retention->order, refusal);
        break;
    case DECIDE_WAIT:
        wait_for_recorder(retention, task);
        break;
    }
    return ERR_OK;
}

// ---- the last two questions

// A person gets a plan that is fresh enough, unless a new one was asked for.
static enum err take_fresh(struct retention *retention, struct round *made, struct why *why)
{
    struct bytes employees[LOOK_BATCH], languages[LOOK_BATCH];
    struct task *asked[LOOK_BATCH];
    size_t count = 0;
    for (size_t i = 0; i < made->count; i++) {
        struct task *task = made->tasks[i];
        if (!task->is_request || task->is_anew || retention->options.reuse_ms == 0)
            continue;
        employees[count] = bytes_from_string(task->employee_id);
        languages[count] = bytes_from_string(language_name(task->language));
        asked[count++] = task;
    }
    if (count == 0)
        return ERR_OK;
    struct plan *plans CLEANUP(mem_free_p) = mem_array(count, sizeof *plans);
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    enum err err = plans_fresh(retention->pg, employees, languages, count,
                               clock_real_ms() - retention->options.reuse_ms, plans, &rows, why);
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        const struct plan *plan = &plans[i];
        if (plan->plan_id.data == NULL)
            continue;
        const struct plans_answer answer = {
            .provider = plan->generated_by,
            .model_name = plan->model_name,
            .prompt_sha256 = plan->prompt_sha256,
            .actions = {plan->actions[0], plan->actions[1], plan->actions[2]},
            .input_tokens = plan->input_tokens,
            .output_tokens = plan->output_tokens};
        take_answer(asked[i], &answer);
        asked[i]->result->reused_from = task_text(plan->plan_id);
        task_finish(asked[i], &retention->order);
    }
    return err;
}

// Equal prompts share an answer for a while: it is the task's, once the ledger has it under its
// name.
static enum err take_cached(struct retention *retention, struct round *made, struct why *why)
{
    struct bytes hashes[LOOK_BATCH];
    struct task *asked[LOOK_BATCH];
    size_t count = 0;
    for (size_t i = 0; i < made->count && retention->options.cache_ms > 0; i++) {
        struct task *task = made->tasks[i];
        if (task->item.is_finished || task->is_anew)
            continue;
        hashes[count] = bytes_from_string(task->prompt.sha256);
        asked[count++] = task;
    }
    if (count == 0)
        return ERR_OK;
    struct plans_answer *answers CLEANUP(mem_free_p) = mem_array(count, sizeof *answers);
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    enum err err = plans_cached(retention->pg, hashes, count,
                                clock_real_ms() - retention->options.cache_ms, answers, &rows, why);
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        if (answers[i].plan_id.data == NULL)
            continue;
        take_answer(asked[i], &answers[i]);
        free(asked[i]->copied_from); // of an earlier look
        asked[i]->copied_from = task_text(answers[i].plan_id);
    }
    return err;
}

// ---- a round

static enum err look(struct retention *retention, struct round *round, struct round *made,
                     struct why *why)
{
    struct bytes plan_ids[LOOK_BATCH], prediction_ids[LOOK_BATCH];
    for (size_t i = 0; i < round->count; i++) {
        plan_ids[i] = bytes_from_string(round->tasks[i]->plan_id);
        prediction_ids[i] = bytes_from_string(round->tasks[i]->prediction_id);
    }
    struct plans_seen *seen CLEANUP(mem_free_p) = mem_array(round->count, sizeof *seen);
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    CLEANUP(recorder_done) struct recorder recorder = {0};
    enum err err = recorder_read(retention, round, &recorder, why);
    if (err == ERR_OK)
        err = plans_look(retention->pg, plan_ids, prediction_ids, round->count, seen, &rows, why);
    size_t at = 0;
    for (; at < round->count && err == ERR_OK; at++)
        err = judge(retention, &recorder, round->tasks[at], &seen[at], made, why);
    // The one that failed and those behind it come again.
    for (size_t i = err == ERR_OK ? at : at > 0 ? at - 1 : 0; i < round->count; i++)
        task_queue_add(&retention->looking, round->tasks[i]);
    return err;
}

enum err retention_look(struct retention *retention, struct why *why)
{
    struct round round, made = {.count = 0};
    gather(retention, &round);
    if (round.count == 0)
        return ERR_OK;
    enum err err = look(retention, &round, &made, why);
    if (err == ERR_OK)
        err = take_fresh(retention, &made, why);
    if (err == ERR_OK)
        err = take_cached(retention, &made, why);
    for (size_t i = 0; i < made.count; i++) {
        struct task *task = made.tasks[i];
        if (task->item.is_finished)
            continue;
        task->due_ms = 0;
        if (err == ERR_OK)
            retention_make_ready(retention, task);
        else
            task_queue_add(&retention->looking, task);
    }
    return err;
}
