// SPDX-License-Identifier: MIT
#pragma once

// What is behind struct pg_rows, for pg.c and rows.c. struct pg_result is libpq's own tag of
// PGresult. One thread.

struct pg_result;

struct pg_rows {
    struct pg_result *result; // owned
};
