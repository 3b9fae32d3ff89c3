// SPDX-License-Identifier: MIT
#include "base/clock.h"
#include "base/mem.h"
#include "parts.h"
#include "store/plans.h"

// The ledger: a call is claimed there before it is made, and finished there right after its answer,
// so what was paid for is found again after a crash. Claims and results of a turn are written
// together, in one round trip and one transaction: a statement costs the same for one and for many,
// and a call waits for its claim no longer than an answer for its row.

enum { WRITE_MAX = 256 }; // claims, and results, of a turn

static struct bytes text_or_null(const char *text)
{
    return text == NULL ? (struct bytes){0} : bytes_from_string(text);
}

static struct plans_claim claim_of(const struct retention *retention, const struct task *task)
{
    const struct retention_provider *with = &retention->providers[task->provider];
    bool is_copied = task->copied_from != NULL;
    const char *provider = is_copied ? task->result->generated_by : with->name;
    const char *model = is_copied                            ? task->result->model_name
                        : retention_is_call(retention, task) ? with->options->settings.model
                                                             : NULL;
    return (struct plans_claim){.plan_id = bytes_from_string(task->plan_id),
                                .attempt = task->attempts + 1,
                                .provider = bytes_from_string(provider),
                                .model_name = text_or_null(model),
                                .prompt_sha256 = bytes_from_string(task->prompt.sha256),
                                .language = bytes_from_string(language_name(task->language)),
                                .copied_from = text_or_null(task->copied_from),
                                .claimed_at_ms = clock_real_ms()};
}

static struct plans_result result_of(const struct task *task)
{
    const struct task_attempt *attempt = &task->attempt;
    struct plans_result result = {.plan_id = bytes_from_string(task->plan_id),
                                  .attempt = task->attempts,
                                  .finished_at_ms = attempt->finished_ms,
                                  .outcome = bytes_from_string(attempt->outcome),
                                  .model_name = text_or_null(attempt->model_name),
                                  .input_tokens = attempt->input_tokens,
                                  .output_tokens = attempt->output_tokens,
                                  .cost_microusd = attempt->cost_microusd};
    for (size_t i = 0; i < PLAN_ACTIONS && task->result != NULL; i++)
        result.actions[i] = text_or_null(task->result->actions[i]);
    return result;
}

static void after_store(struct retention *retention, struct task *task,
                        const struct plans_stored *stored)
{
    if (stored->answer.plan_id.data != NULL) // another result stood there before
        retention_take_answer(retention, task, &stored->answer);
    else if (task->result != NULL && stored->is_stored)
        task_finish(task, &retention->order);
    else if (task->result != NULL) // the claim is not ours any more: the tables say
        retention_look_again(retention, task);
    else {
        retention_make_ready(retention, task);
        retention->is_turn_due |= task->due_ms <= clock_mono_ms();
    }
}

static size_t take_ended(struct retention *retention, struct task **ret)
{
    size_t count = 0;
    while (count < WRITE_MAX && retention->storing.count > 0)
        ret[count++] = task_queue_pop(&retention->storing);
    return count;
}

// What is written in a turn.
struct writing {
    struct task *starting[WRITE_MAX], *ended[WRITE_MAX];
    size_t starts, ends;
};

static enum err write_all(struct retention *retention, const struct writing *writing,
                          bool *ret_claimed, struct plans_stored *ret_stored,
                          struct pg_rows **ret_rows, struct why *why)
{
    struct plans_claim *claims CLEANUP(mem_free_p) = mem_array(writing->starts, sizeof *claims);
    struct plans_result *results CLEANUP(mem_free_p) = mem_array(writing->ends, sizeof *results);
    for (size_t i = 0; i < writing->starts; i++)
        claims[i] = claim_of(retention, writing->starting[i]);
    for (size_t i = 0; i < writing->ends; i++)
        results[i] = result_of(writing->ended[i]);
    return plans_write(retention->pg, retention->owner,
                       &(struct plans_claims){claims, writing->starts, ret_claimed},
                       &(struct plans_results){results, writing->ends, ret_stored}, ret_rows, why);
}

enum err retention_write(struct retention *retention, bool may_begin, struct why *why)
{
    struct writing writing = {.starts = 0};
    if (may_begin)
        writing.starts = retention_gather(retention, writing.starting, WRITE_MAX);
    writing.ends = take_ended(retention, writing.ended);
    if (writing.starts + writing.ends == 0)
        return ERR_OK;
    bool is_claimed[WRITE_MAX];
    struct plans_stored *stored CLEANUP(mem_free_p) = mem_array(writing.ends, sizeof *stored);
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    enum err err = write_all(retention, &writing, is_claimed, stored, &rows, why);
    for (size_t i = 0; i < writing.starts; i++) {
        // Whether it is claimed is not known, or somebody else has it: the tables say.
        if (err == ERR_OK && is_claimed[i])
            retention_begin(retention, writing.starting[i]);
        else
            retention_unclaimed(retention, writing.starting[i]);
    }
    for (size_t i = 0; i < writing.ends; i++) {
        if (err == ERR_OK)
            after_store(retention, writing.ended[i], &stored[i]);
        else
            task_queue_add(&retention->storing, writing.ended[i]);
    }
    retention->is_turn_due |= retention->storing.count > 0; // results without a call, or too many
    return err;
}
