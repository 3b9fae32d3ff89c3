// SPDX-License-Identifier: MIT
#pragma once

#include "store/pg.h"

// A PostgreSQL of the test's own: a new cluster in a private directory, reached by a socket in it,
// run as the user postgres where the test runs as root. It ends with the test, however that ends.
// What cannot be started fails the test with the reason.

struct pg_server;

struct pg_server *pg_server_start(void);
void pg_server_stop(struct pg_server *server); // and removes the directory

// Kills every process of the server at once, as a crash would.
void pg_server_crash(struct pg_server *server);
void pg_server_again(struct pg_server *server); // after a crash; waits until it answers

// A connection string for a new, empty database; free by free().
char *pg_server_new_database(struct pg_server *server);
// A connection to it, open, without a stop descriptor.
struct pg *pg_server_connect(const char *url, const char *session_sql);

// The single value of a query as a whole number; fails the test where there is none.
int64_t pg_value(struct pg *pg, const char *sql);
// Runs a script that must succeed.
void pg_must(struct pg *pg, const char *script);
// A new database with all tables: a connection string, free by free(), or a connection to it.
char *pg_server_migrated_url(struct pg_server *server);
struct pg *pg_server_migrated(struct pg_server *server);
