// SPDX-License-Identifier: MIT
#include "ask.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct ask *ask_new(enum requests_kind kind, struct bytes employee_id)
{
    struct ask *ask = mem_zalloc(sizeof *ask + employee_id.len);
    if (employee_id.len > 0)
        memcpy(ask + 1, employee_id.data, employee_id.len);
    ask->kind = kind;
    ask->employee_id = bytes_of(ask + 1, employee_id.len);
    atomic_init(&ask->holders, 1);
    return ask;
}

struct ask *ask_about(const struct ask *ask, struct bytes employee_id)
{
    struct ask *about = ask_new(ask->kind, employee_id);
    memcpy(about->id, ask->id, sizeof about->id);
    memcpy(about->user_id, ask->user_id, sizeof about->user_id);
    memcpy(about->body_sha256, ask->body_sha256, sizeof about->body_sha256);
    about->language = ask->language;
    about->created_at_ms = ask->created_at_ms;
    about->due_ms = ask->due_ms;
    return about;
}

struct ask *ask_hold(struct ask *ask)
{
    atomic_fetch_add_explicit(&ask->holders, 1, memory_order_relaxed);
    return ask;
}

void ask_drop(struct ask *ask)
{
    if (ask != NULL && atomic_fetch_sub_explicit(&ask->holders, 1, memory_order_acq_rel) == 1)
        free(ask);
}
