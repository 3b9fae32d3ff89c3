// SPDX-License-Identifier: MIT
#pragma once

#include "backlog.h"
#include "base/health.h"
#include "bus/consumer.h"
#include "bus/ends.h"
#include "bus/producer.h"
#include "crypto/crypto.h"
#include "http/multi.h"
#include "order.h"
#include "planner/check.h"
#include "planner/rules.h"
#include "registry/decoder.h"
#include "retention.h"
#include "store/pg.h"
#include "task.h"

// The worker's inside, shared by the files of this folder. One thread owns all of it but `health`.

enum {
    PARTITION_MOST = 1000, // unfinished records of one partition: then it is paused
    PARTITION_AGAIN = 500, // and read on
};

struct retention_provider {
    const struct retention_provider_options *options;
    const char *name;
    struct limits *limits;   // NULL for the rules
    bool is_stop_unsaved;    // others have not been told yet
    struct why stop;         // its code and sentence
    int64_t stop_until_ms;   // real; 0: until somebody resumes
    bool is_stopped_for_all; // as the table said last
};

struct retention {
    struct retention_options options;
    char *high_risk, *plan_requests, *plans, *replies, *dead_letters, *predictions;
    char *group, *identity;
    char owner[33]; // token of this process in the ledger
    struct bus_consumer *consumer;
    struct bus_producer *producer;
    struct bus_ends *ends; // of the topics that the recorder reads; NULL: nobody has asked yet
    int32_t partitions;
    struct pg *pg;
    struct http_multi *http;
    struct check *check;
    struct rules *rules;
    struct decoder *high_risk_decoder, *request_decoder;
    struct text encoded;
    struct health health;
    struct bus_producer_counts counted;

    struct backlogs backlogs; // all tasks
    struct order order;
    struct task_queue looking, fresh, again, requests, storing; // and those in calls
    size_t calling;
    struct retention_provider providers[RETENTION_PROVIDERS_MAX];

    bool is_on;                 // the switch for plans
    int64_t control_ms;         // when switch and stops were read last
    int64_t database_ms;        // the tables are not asked before then; 0: they answer
    int64_t input_ms;           // no input is read before then; 0: it comes
    bool is_turn_due;           // a step has left work for another turn, which begins at once
    bool must_rewind;           // the input is to be read from its committed offsets again
    struct bus_position unread; // a record whose schema could not be had; topic NULL: none
    bool is_unsettled;    // what became of the last transaction is not known: none before that
    int64_t published_ms; // when plans were published last; 0: they are due
    int64_t gathered_ms;  // when it was looked what could be published
    uint64_t seed;        // of the waits between tries
    enum err failure;     // of a callback, given by the next turn
    struct why failure_why;
};

struct limits_now retention_now(void);

// intake.c: a message becomes a task, or a dead letter in its place. ERR_RETRY: its schema cannot
// be had now.
MUST_CHECK enum err retention_take(struct retention *retention, struct backlog *backlog,
                                   const struct bus_message *message, struct why *why);

// The plan that another attempt, or another process, has stored is this task's: it is finished.
struct plans_answer;
void retention_take_answer(struct retention *retention, struct task *task,
                           const struct plans_answer *answer);

// look.c: what the tables say of the tasks that wait for it. ERR_RETRY: not now, they wait on.
MUST_CHECK enum err retention_look(struct retention *retention, struct why *why);

// Of the tasks in the queue that wait for a time the earliest such time, where it is before
// `until_ms`; else that. Those whose time has come wait for something else: an answer, an earlier
// task, the operator.
int64_t retention_next_ms(const struct task_queue *queue, int64_t now_ms, int64_t until_ms);

// control.c: the switch for plans and the stops of providers, as all processes have them.
MUST_CHECK enum err retention_control(struct retention *retention, struct why *why);

// The task is looked up again in the next turn.
void retention_look_again(struct retention *retention, struct task *task);

// calls.c: the task waits for its next call; how many do.
void retention_make_ready(struct retention *retention, struct task *task);
size_t retention_ready_count(const struct retention *retention);
// Takes those whose calls may begin now, at most `max`: each is to be claimed, and then begun (a
// call is made, or it has its result without one) or not.
size_t retention_gather(struct retention *retention, struct task **ret, size_t max);
void retention_begin(struct retention *retention, struct task *task);
void retention_unclaimed(struct retention *retention, struct task *task);
// A call of a provider, not an answer that is there already nor one of the rules.
bool retention_is_call(const struct retention *retention, const struct task *task);
MUST_CHECK enum err retention_take_answers(struct retention *retention, int64_t wait_ms,
                                           struct why *why);
// Gives up all calls in flight.
void retention_drop_calls(struct retention *retention);

// ledger.c: stores what came of calls and, where calls may begin, claims and begins them.
MUST_CHECK enum err retention_write(struct retention *retention, bool may_begin, struct why *why);

// publish.c: what is finished, in the order of the offsets, with these offsets in one Kafka
// transaction. ERR_RETRY: nobody knows what became of it.
MUST_CHECK enum err retention_publish(struct retention *retention, struct why *why);
