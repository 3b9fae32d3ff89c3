// SPDX-License-Identifier: MIT
#pragma once

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "store/pg.h"
#include "store/sql.h"
#include "support/check.h"
#include "support/pg.h"

// What the tests of the gateway's tables share: a database for each test, with the session that a
// gateway has, and many connections that do one thing at the same moment.

static struct pg_server *server;
static char *url;
static struct pg *pg;

static inline int start_server(void **state)
{
    (void)state;
    server = pg_server_start();
    return 0;
}

static inline int stop_server(void **state)
{
    (void)state;
    pg_server_stop(server);
    return 0;
}

static inline int open_database(void **state)
{
    (void)state;
    url = pg_server_migrated_url(server);
    pg = pg_server_connect(url, sql_gateway_session);
    return 0;
}

static inline int close_database(void **state)
{
    (void)state;
    pg_close(TAKE(pg));
    free(TAKE(url));
    return 0;
}

#define IN_DATABASE(test) cmocka_unit_test_setup_teardown(test, open_database, close_database)

static inline struct bytes b(const char *text)
{
    return bytes_from_string(text);
}

static inline bool is(struct bytes text, const char *expected)
{
    return text.data != NULL && bytes_equal_string(text, expected);
}

// 64 hexadecimal digits out of a number.
static inline struct bytes hash_of(unsigned number, char out[65])
{
    snprintf(out, 65, "%064x", number);
    return bytes_from_string(out);
}

// ---- many at once

enum { RIVALS = 8 };

struct rival {
    struct pg *pg;
    size_t number; // of RIVALS
    void *context;
    void (*act)(struct rival *rival);
    pthread_barrier_t *barrier;
    struct why why;
    enum err err; // of what it did; set by `act`
};

static inline void *rival_run(void *argument)
{
    struct rival *rival = argument;
    pthread_barrier_wait(rival->barrier);
    rival->act(rival);
    return NULL;
}

// Connections that stay for many rounds.
static inline void rivals_open(struct rival rivals[RIVALS])
{
    for (size_t i = 0; i < RIVALS; i++)
        rivals[i] = (struct rival){.pg = pg_server_connect(url, sql_gateway_session), .number = i};
}

static inline void rivals_close(struct rival rivals[RIVALS])
{
    for (size_t i = 0; i < RIVALS; i++)
        pg_close(rivals[i].pg);
}

// The first `count` of them act at once, each on a connection of its own; none may fail.
static inline void rivals_meet(struct rival rivals[RIVALS], size_t count,
                               void (*act)(struct rival *), void *context)
{
    pthread_t threads[RIVALS];
    pthread_barrier_t barrier;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, (unsigned)count), 0);
    for (size_t i = 0; i < count; i++) {
        rivals[i].act = act;
        rivals[i].context = context;
        rivals[i].barrier = &barrier;
        assert_int_equal(pthread_create(&threads[i], NULL, rival_run, &rivals[i]), 0);
    }
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    for (size_t i = 0; i < count; i++)
        assert_ok(rivals[i].err, &rivals[i].why);
}
