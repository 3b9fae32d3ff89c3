// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "choose.h"
#include "metrics.h"
#include "parts.h"
#include "store/plans.h"

// Calls. A task makes one at a time, which is claimed in the ledger before it is made and finished
// there right after its answer (ledger.c); what failed goes on where calls_next says.

enum {
    DONE_BATCH = 64, // answers taken at once
    CORRECTIONS_MAX = 2,
};

// ---- starting

struct starting {
    struct task **tasks;
    size_t count, max;
};

static const char *provider_name(const struct retention *retention, const struct task *task)
{
    return retention->providers[task->provider].name;
}

bool retention_is_call(const struct retention *retention, const struct task *task)
{
    return task->copied_from == NULL && retention->providers[task->provider].limits != NULL;
}

static struct provider_prompt prompt_of(const struct task *task, struct text *corrected)
{
    struct provider_prompt prompt = {.system = bytes_from_string(task->prompt.system),
                                     .user = text_bytes(&task->prompt.user),
                                     .max_output_tokens = task->max_output_tokens};
    if (task->fault == FAULT_NONE)
        return prompt;
    text_clear(corrected);
    if (prompt_write_again(&task->prompt, task->language, task->fault, corrected) == ERR_OK)
        prompt.user = text_bytes(corrected);
    return prompt;
}

// A provider that has failed the task before it was left is not asked for it again: its tries would
// begin anew, and no retry budget would count them.
static void begin_with(struct retention *retention, struct task *task, size_t provider)
{
    if (task->provider == provider && task->max_output_tokens > 0)
        return;
    if (task->retry.failures > 0 || task->corrections > 0 || task->is_regenerated)
        task->given_up |= 1U << task->provider;
    const struct retention_provider_options *options = retention->providers[provider].options;
    task->provider = provider;
    task->max_output_tokens = options->is_rules ? 1 : options->settings.max_output_tokens;
    task->corrections = 0;
    task->fault = FAULT_NONE;
    task->is_regenerated = false;
    task->call = (struct limits_call){.is_request = task->is_request};
    retry_init(&task->retry, retention->seed++, clock_mono_ms());
}

// Asks the limits of the first provider that has not failed this task, then of the next where that
// one is stopped.
static enum choice choose(struct retention *retention, struct task *task)
{
    enum choose_state states[RETENTION_PROVIDERS_MAX];
    int64_t wait_ms = LIMITS_WAIT_OPEN;
    for (size_t i = 0; i < retention->options.provider_count; i++) {
        states[i] = CHOOSE_GIVEN_UP;
        if (task->given_up & 1U << i)
            continue;
        struct retention_provider *provider = &retention->providers[i];
        if (provider->limits == NULL) {
            begin_with(retention, task, i);
            return CHOICE_START;
        }
        bool is_same = task->provider == i && task->max_output_tokens > 0;
        struct limits_call call = {.is_request = task->is_request,
                                   .is_retry = is_same && task->retry.failures > 0};
        const struct provider_prompt prompt = {
            .system = bytes_from_string(task->prompt.system),
            .user = text_bytes(&task->prompt.user),
            .max_output_tokens =
                is_same ? task->max_output_tokens : provider->options->settings.max_output_tokens};
        call.tokens = provider_estimate_tokens(&prompt);
        call.micro_usd = provider_estimate_micro_usd(&provider->options->settings, &prompt);
        int64_t ask_ms = 0;
        switch (limits_may_start(provider->limits, &call, retention_now(), &ask_ms, NULL)) {
        case LIMITS_START:
            begin_with(retention, task, i);
            task->call = call;
            return CHOICE_START;
        case LIMITS_WAIT:
            states[i] = CHOOSE_BUSY;
            break;
        case LIMITS_STOPPED:
            states[i] = CHOOSE_STOPPED;
            break;
        }
        wait_ms = ask_ms < wait_ms ? ask_ms : wait_ms;
        if (states[i] == CHOOSE_BUSY) {
            // It works: it is waited for, whatever comes behind it. A slot is free at the end of
            // any call, so it is asked for in every turn, and there is one at that end.
            if (ask_ms == LIMITS_WAIT_OPEN)
                wait_ms = 0;
            break;
        }
    }
    task->due_ms =
        clock_mono_ms() + (wait_ms < CHOOSE_WAIT_MOST_MS ? wait_ms : CHOOSE_WAIT_MOST_MS);
    return choose_without(states, retention->options.provider_count, task->is_request);
}

// Why nobody can be asked now; NULL: somebody can.
static const char *nobody_to_ask(const struct retention *retention)
{
    if (!retention->is_on)
        return "plans-are-off";
    for (size_t i = 0; i < retention->options.provider_count; i++) {
        struct limits_state state = {.is_stopped = false};
        if (retention->providers[i].limits != NULL)
            limits_show(retention->providers[i].limits, retention_now(), &state);
        if (!state.is_stopped)
            return NULL;
    }
    return "provider-unavailable";
}

// It waits for an earlier task of its employee. That one may wait for a provider as long as it
// takes; a person is told: true, it is at its end.
static bool wait_for_turn(struct retention *retention, struct task *task)
{
    const char *refusal = task->is_request ? nobody_to_ask(retention) : NULL;
    task->is_behind = true;
    if (refusal != NULL)
        task_refuse(task, &retention->order, refusal);
    return refusal != NULL;
}

// Puts the task among those that start, or where it goes on or ends; false: it waits.
static bool consider(struct retention *retention, struct task *task, struct starting *starting)
{
    if (!order_is_first(&retention->order, &task->order))
        return wait_for_turn(retention, task);
    if (task->is_behind) { // there may be an answer for it by now
        task->is_behind = false;
        retention_look_again(retention, task);
        return true;
    }
    if (task->due_ms > clock_mono_ms())
        return false;
    if (starting->count == starting->max) {
        retention->is_turn_due = true;
        return false;
    }
    if (task->copied_from == NULL && !retention->is_on) {
        if (task->is_request)
            task_refuse(task, &retention->order, "plans-are-off");
        return task->is_request;
    }
    switch (task->copied_from != NULL ? CHOICE_START : choose(retention, task)) {
    case CHOICE_START:
        starting->tasks[starting->count++] = task;
        break;
    case CHOICE_WAIT:
        return false;
    case CHOICE_UNAVAILABLE:
        task_refuse(task, &retention->order, "provider-unavailable");
        break;
    case CHOICE_FAILED:
        task_refuse(task, &retention->order, "no-usable-answer");
        break;
    }
    return true;
}

static void consider_all(struct retention *retention, struct task_queue *queue,
                         struct starting *starting)
{
    for (struct task *task = task_queue_take(queue), *next = NULL; task != NULL; task = next) {
        next = task->next;
        if (!consider(retention, task, starting))
            task_queue_add(queue, task);
    }
}

// Thousands may wait here, for nothing but what the first one waits for: it speaks for them all.
static void consider_fresh(struct retention *retention, struct starting *starting)
{
    while (starting->count < starting->max) {
        struct task *task = task_queue_pop(&retention->fresh);
        if (task == NULL)
            return;
        if (consider(retention, task, starting))
            continue;
        if (order_is_first(&retention->order, &task->order)) {
            task_queue_put_back(&retention->fresh, task);
            return;
        }
        task_queue_add(&retention->again, task); // it waits for an earlier one of its employee
    }
}

// People's requests first: limits_may_start keeps room for them only where they ask first.
size_t retention_gather(struct retention *retention, struct task **ret, size_t max)
{
    struct starting starting = {.tasks = ret, .max = max};
    consider_all(retention, &retention->requests, &starting);
    consider_all(retention, &retention->again, &starting);
    consider_fresh(retention, &starting);
    return starting.count;
}

void retention_make_ready(struct retention *retention, struct task *task)
{
    bool is_fresh = task->attempts == 0 && task->copied_from == NULL;
    task_queue_add(task->is_request ? &retention->requests
                   : is_fresh       ? &retention->fresh
                                    : &retention->again,
                   task);
}

size_t retention_ready_count(const struct retention *retention)
{
    return retention->fresh.count + retention->again.count + retention->requests.count;
}

// The call will not be made: nothing was used.
static void give_back(struct retention *retention, const struct task *task)
{
    const struct limits_result result = {.result = BREAKER_NO_RESULT, .has_use = true};
    if (retention_is_call(retention, task))
        limits_settle(retention->providers[task->provider].limits, &task->call, &result,
                      retention_now());
}

static enum err send_call(struct retention *retention, struct task *task, struct why *why)
{
    const struct provider_settings *settings =
        &retention->providers[task->provider].options->settings;
    CLEANUP(text_done) struct text corrected = TEXT_INIT(PROVIDER_BODY_MAX);
    const struct provider_prompt prompt = prompt_of(task, &corrected);
    struct provider_request request;
    enum err err = provider_build(settings, &prompt, &request, why);
    if (err != ERR_OK)
        return err;
    struct http_header headers[PROVIDER_HEADERS];
    for (size_t i = 0; i < request.header_count; i++)
        headers[i] = (struct http_header){request.headers[i].name, request.headers[i].value};
    const struct http_call call = {.method = "POST",
                                   .url = text_string(&request.url),
                                   .headers = headers,
                                   .header_count = request.header_count,
                                   .body = text_bytes(&request.body),
                                   .timeout_ms = settings->timeout_ms,
                                   .answer_bytes = PROVIDER_REPLY_MAX};
    err = http_multi_start(retention->http, &call, task, why);
    provider_request_done(&request);
    return err;
}

static void set_attempt(struct task *task, const char *outcome)
{
    free(task->attempt.model_name);
    task->attempt = (struct task_attempt){.finished_ms = clock_real_ms(),
                                          .input_tokens = PLAN_NO_TOKENS,
                                          .output_tokens = PLAN_NO_TOKENS};
    snprintf(task->attempt.outcome, sizeof task->attempt.outcome, "%s", outcome);
}

static void accept(struct retention *retention, struct task *task, const struct actions *actions,
                   enum plan_status status)
{
    struct task_result *result = task_fresh_result(task);
    result->status = status;
    for (size_t i = 0; i < PLAN_ACTIONS; i++)
        result->actions[i] = mem_dup(actions->text[i]);
    result->generated_by = mem_dup(provider_name(retention, task));
    memcpy(result->prompt_sha256, task->prompt.sha256, sizeof result->prompt_sha256);
}

void retention_unclaimed(struct retention *retention, struct task *task)
{
    give_back(retention, task);
    retention_look_again(retention, task);
}

void retention_begin(struct retention *retention, struct task *task)
{
    task->attempts++;
    if (retention_is_call(retention, task)) {
        struct why cause = {0};
        enum err err = send_call(retention, task, &cause);
        if (err == ERR_OK) {
            retention->calling++;
            return;
        }
        log_warn("call-not-made", "plan=%s provider=%s why=\"%s\"", task->plan_id,
                 provider_name(retention, task), cause.text);
        give_back(retention, task);
        // Settings were checked at the start: what is not for want of room is a call that nobody
        // can make.
        if (err != ERR_RETRY)
            task->given_up |= 1U << task->provider;
        set_attempt(task, "not-sent");
    } else {
        if (task->copied_from == NULL) {
            struct actions actions;
            rules_write(retention->rules, &task->basis, &actions);
            accept(retention, task, &actions, PLAN_FALLBACK);
        }
        set_attempt(task, PLANS_ACCEPTED);
        task->attempt.input_tokens = task->result->input_tokens;
        task->attempt.output_tokens = task->result->output_tokens;
    }
    task_queue_add(&retention->storing, task);
}

// ---- answers

static enum breaker_result breaker_of(const struct provider_answer *answer)
{
    if (answer->outcome == PROVIDER_AGAIN)
        return answer->retry_after_ms > 0 ? BREAKER_NO_RESULT : BREAKER_FAILED;
    return provider_is_stop(answer->outcome) ? BREAKER_NO_RESULT : BREAKER_WORKED;
}

static void settle(struct retention *retention, const struct task *task,
                   const struct provider_answer *answer)
{
    const struct retention_provider *provider = &retention->providers[task->provider];
    const struct limits_result result = {
        .result = breaker_of(answer),
        .has_use = answer->has_use,
        .tokens = provider_tokens(answer),
        .micro_usd = provider_micro_usd(&provider->options->settings, answer),
        .delay_ms = answer->retry_after_ms};
    limits_settle(provider->limits, &task->call, &result, retention_now());
}

static void give_up(struct task *task)
{
    task->given_up |= 1U << task->provider;
}

// The provider is not called any more, by no process.
static void stop_provider(struct retention *retention, struct task *task,
                          const struct provider_answer *answer)
{
    struct retention_provider *provider = &retention->providers[task->provider];
    if (!provider->is_stop_unsaved && !provider->is_stopped_for_all) // of many in flight the first
        log_error("provider-stopped", "provider=%s code=%s why=\"%s\"", provider->name,
                  answer->why.code, answer->why.text);
    limits_stop(provider->limits, &answer->why, answer->stopped_until_ms);
    provider->is_stop_unsaved = true;
    provider->stop = answer->why;
    provider->stop_until_ms = answer->stopped_until_ms;
    retention->control_ms = 0; // others hear of it now
}

// The text of an answer is a plan, or it is tried again with a word about what was wrong.
static void check_text(struct retention *retention, struct task *task,
                       const struct provider_answer *answer)
{
    struct actions actions;
    struct verdict verdict =
        check_answer(retention->check, task->language, text_bytes(&answer->text), &actions);
    if (verdict.fault == FAULT_NONE) {
        accept(retention, task, &actions, PLAN_WRITTEN);
        task->result->model_name =
            answer->model_version[0] == '\0' ? NULL : mem_dup(answer->model_version);
        set_attempt(task, PLANS_ACCEPTED);
        return;
    }
    set_attempt(task, fault_code(verdict.fault));
    task->fault = verdict.fault;
    if (task->corrections++ == CORRECTIONS_MAX)
        give_up(task);
}

// What the next step of the task is, without taking it: the attempt is stored first.
static void judge(struct retention *retention, struct task *task,
                  const struct provider_answer *answer)
{
    int64_t now_ms = clock_mono_ms();
    task->due_ms = now_ms;
    if (answer->outcome == PROVIDER_ANSWER) {
        check_text(retention, task, answer);
        return;
    }
    set_attempt(task, answer->why.code);
    switch (answer->outcome) {
    case PROVIDER_AGAIN:
        if (!retry_next(&task->retry, answer->retry_after_ms, now_ms, &task->due_ms))
            give_up(task);
        break;
    case PROVIDER_REGENERATE:
        if (task->is_regenerated)
            give_up(task);
        task->is_regenerated = true;
        if (answer->finish == PROVIDER_FINISH_TOKENS)
            task->max_output_tokens = provider_more_tokens(task->max_output_tokens);
        break;
    case PROVIDER_NEXT:
        give_up(task);
        break;
    case PROVIDER_STOP_KEY:
    case PROVIDER_STOP_MODEL:
    case PROVIDER_STOP_DAILY:
    case PROVIDER_STOP_CREDITS:
    case PROVIDER_STOP_CONFIG:
        stop_provider(retention, task, answer);
        break;
    case PROVIDER_ANSWER:
        break;
    }
}

static void take(struct retention *retention, const struct http_done *done)
{
    struct task *task = done->tag;
    const struct retention_provider *provider = &retention->providers[task->provider];
    const struct provider_settings *settings = &provider->options->settings;
    struct provider_answer answer;
    if (done->err == ERR_OK) {
        const struct provider_reply reply = {.status = done->status,
                                             .retry_after = bytes_from_string(done->retry_after),
                                             .content_type = bytes_from_string(done->content_type),
                                             .body = done->body,
                                             .received_ms = clock_real_ms()};
        provider_read(settings, &reply, &answer);
    } else {
        provider_read_failure(settings, done->err, &done->why, &answer);
    }
    retention->calling--;
    settle(retention, task, &answer);
    judge(retention, task, &answer);
    const char *outcome = task->attempt.outcome;
    metric_add(metrics_cell(retention->options.metrics, METRIC_CALLS, provider->name, outcome), 1);
    if (strcmp(outcome, PLANS_ACCEPTED) != 0)
        log_debug("call-failed", "plan=%s provider=%s attempt=%" PRId32 " code=%s why=\"%s\"",
                  task->plan_id, provider->name, task->attempts, outcome, answer.why.text);
    struct task_attempt *attempt = &task->attempt;
    attempt->model_name = answer.model_version[0] == '\0' ? NULL : mem_dup(answer.model_version);
    attempt->input_tokens = answer.has_use ? answer.input_tokens : PLAN_NO_TOKENS;
    attempt->output_tokens =
        answer.has_use ? answer.output_tokens + answer.thought_tokens : PLAN_NO_TOKENS;
    attempt->cost_microusd = provider_micro_usd(settings, &answer);
    if (task->result != NULL) {
        task->result->input_tokens = attempt->input_tokens;
        task->result->output_tokens = attempt->output_tokens;
    }
    provider_answer_done(&answer);
    task_queue_add(&retention->storing, task);
}

enum err retention_take_answers(struct retention *retention, int64_t wait_ms, struct why *why)
{
    struct http_done done[DONE_BATCH];
    size_t count = DONE_BATCH;
    enum err err = ERR_OK;
    for (; err == ERR_OK && count == DONE_BATCH; wait_ms = 0) {
        err = http_multi_poll(retention->http, wait_ms, done, DONE_BATCH, &count, why);
        for (size_t i = 0; i < count; i++)
            take(retention, &done[i]);
    }
    return err;
}

void retention_drop_calls(struct retention *retention)
{
    for (size_t i = 0; i < retention->backlogs.count && retention->calling > 0; i++) {
        const struct backlog *backlog = &retention->backlogs.list[i];
        for (size_t at = 0; at < backlog->count; at++) {
            struct task *task = task_of(backlog_at(backlog, at));
            if (task->letter != NULL || !http_multi_cancel(retention->http, task))
                continue;
            const struct limits_result result = {.result = BREAKER_NO_RESULT};
            limits_settle(retention->providers[task->provider].limits, &task->call, &result,
                          retention_now());
            retention->calling--;
        }
    }
}
