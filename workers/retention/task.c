// SPDX-License-Identifier: MIT
#include "task.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct task *task_new(const struct bus_message *message, bool is_request)
{
    struct task *task = mem_zalloc(sizeof *task);
    task->item.offset = message->offset;
    task->partition = message->partition;
    task->is_request = is_request;
    for (size_t kind = 0; kind < DECIDE_MISSING_KINDS; kind++)
        task->ends[kind] = -1;
    return task;
}

static void result_free(struct task_result *result)
{
    if (result == NULL)
        return;
    for (size_t i = 0; i < PLAN_ACTIONS; i++)
        free(result->actions[i]);
    free(result->generated_by);
    free(result->model_name);
    free(result->reused_from);
    free(result);
}

static void drop_prompt(struct task *task)
{
    if (task->has_prompt)
        prompt_done(&task->prompt);
    task->has_prompt = false;
}

void task_free(struct task *task)
{
    if (task == NULL)
        return;
    free(task->plan_id);
    free(task->prediction_id);
    free(task->employee_id);
    free(task->request_id);
    free(task->requested_by);
    free(task->reply.correlation_id);
    free(task->traceparent);
    free(task->copied_from);
    free(task->attempt.model_name);
    free(task->letter);
    drop_prompt(task);
    result_free(task->result);
    free(task);
}

char *task_text(struct bytes text)
{
    if (text.data == NULL)
        return NULL;
    char *copy = mem_zalloc(text.len + 1);
    memcpy(copy, text.data, text.len);
    return copy;
}

struct task *task_of(struct backlog_item *item)
{
    return (struct task *)item; // its first member
}

void task_finish(struct task *task, struct order *order)
{
    order_leave(order, &task->order);
    drop_prompt(task); // many tasks wait finished for one that is slow
    task->item.is_finished = true;
}

struct task_result *task_fresh_result(struct task *task)
{
    result_free(task->result);
    task->result = mem_zalloc(sizeof *task->result);
    task->result->input_tokens = task->result->output_tokens = PLAN_NO_TOKENS;
    return task->result;
}

void task_refuse(struct task *task, struct order *order, const char *code)
{
    struct task_result *result = task_fresh_result(task);
    result->status = PLAN_REFUSED;
    result->refusal = code;
    task_finish(task, order);
}

void task_pass(struct task *task, struct order *order)
{
    task_fresh_result(task)->is_nothing = true;
    task_finish(task, order);
}

void task_queue_init(struct task_queue *queue)
{
    *queue = (struct task_queue){.last = &queue->first};
}

void task_queue_add(struct task_queue *queue, struct task *task)
{
    task->next = NULL;
    *queue->last = task;
    queue->last = &task->next;
    queue->count++;
}

struct task *task_queue_pop(struct task_queue *queue)
{
    struct task *task = queue->first;
    if (task == NULL)
        return NULL;
    queue->first = task->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    queue->count--;
    return task;
}

void task_queue_put_back(struct task_queue *queue, struct task *task)
{
    task->next = queue->first;
    queue->first = task;
    if (task->next == NULL)
        queue->last = &task->next;
    queue->count++;
}

struct task *task_queue_take(struct task_queue *queue)
{
    struct task *first = queue->first;
    task_queue_init(queue);
    return first;
}
