// SPDX-License-Identifier: MIT
#include "store/sql.h"

#include "base/compiler.h"

// The tables behind sql.h. CMakeLists.txt beside this file turns the .sql files into the symbols
// and writes migrations.inc, one MIGRATION line a file.

static const struct sql_query queries[] = {
#define QUERY(name) {#name, sql_##name},
#include "store/queries.def"
#undef QUERY
};

size_t sql_queries(const struct sql_query **ret)
{
    *ret = queries;
    return ARRAY_LEN(queries);
}

#define MIGRATION(version, name, symbol) extern const char symbol[];
#include "migrations.inc"
#undef MIGRATION

static const struct sql_migration migrations[] = {
#define MIGRATION(version, name, symbol) {version, name, symbol},
#include "migrations.inc"
#undef MIGRATION
};

size_t sql_migrations(const struct sql_migration **ret)
{
    *ret = migrations;
    return ARRAY_LEN(migrations);
}
