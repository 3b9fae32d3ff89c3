// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>

// The texts of sql/queries and sql/migrations, built in. Static data, any thread.

#define QUERY(name) extern const char sql_##name[];
#include "store/queries.def"
#undef QUERY

struct sql_query {
    const char *name;
    const char *text;
};
// All queries, for the test that each fits the migrated schema.
size_t sql_queries(const struct sql_query **ret);

struct sql_migration {
    int version; // the number in front of the file's name
    const char *name;
    const char *text;
};
// In the order of their versions, which count from 1 without gaps.
size_t sql_migrations(const struct sql_migration **ret);
