// SPDX-License-Identifier: MIT
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "auth/keys.h"
#include "auth/memory.h"
#include "auth/secret_key.h"
#include "auth/token.h"
#include "authorise.h"
#include "avro/encode.h"
#include "base/metrics.h"
#include "body.h"
#include "bus/config.h"
#include "bus/sender.h"
#include "database.h"
#include "documents.h"
#include "domain/features.h"
#include "http/exchange.h"
#include "http/server.h"
#include "keeper.h"
#include "numbers.h"
#include "pending.h"
#include "pool.h"
#include "registry/decoder.h"
#include "registry/registry.h"
#include "replies.h"
#include "routes.h"
#include "rows.h"
#include "settings.h"

// The parts of the program, made by main.c in this order and ended in the other one; the handlers'
// context. After the start nothing in here changes but what the parts guard themselves.

struct gateway {
    struct settings settings;
    char **properties;
    struct bus_config bus;
    const char **origins; // of CORS_ORIGINS, which is cut into pieces
    size_t origin_count;
    enum registration { REGISTRATION_OPEN, REGISTRATION_INVITE, REGISTRATION_OFF } registration;

    struct features *features;
    struct body_reader *reader;
    struct metrics *metrics;
    struct registry *registry;
    struct avro_employee_encoder *encoder;
    uint32_t requests_schema_id, changes_schema_id, plan_requests_schema_id;
    char *score_requests, *employee_changes, *plan_requests; // names of topics
    char *prediction_replies, *plan_replies;

    struct auth_sealer sealer;
    struct authority *authority;
    struct http_fixed *no_token, *bad_token; // answers
    struct limits *limits;                   // NULL: there are none
    struct database *database;
    struct pool *hashing; // passwords
    struct pool *reading; // bodies of many rows
    struct numbers *numbers;
    struct pending *pending;
    struct rows *rows;
    struct bus_sender *sender;
    int32_t reply_partition;
    struct replies *prediction_reader, *plan_reader;
    struct decoder *prediction_decoder, *plan_decoder;            // of the readers' threads
    struct metric_cell *replies_answered[2], *replies_unknown[2]; // of predictions, of plans
    struct keeper *keeper;
    struct http_server *server;
    struct ops_server *ops;
    struct documents *documents;
    struct tally *tally; // routes.h

    atomic_bool is_running; // all of it is there: the operations port may ask
    pthread_mutex_t start_lock;
    struct why starting; // what the start waits for
};

// Whether calls can be served; else why not. Any thread.
bool gateway_is_ready(struct gateway *gateway, struct why *why);
