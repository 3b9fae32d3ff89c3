// SPDX-License-Identifier: MIT
#pragma once

#include "base/err.h"

// What an error of PostgreSQL means and how it is said; for this module's files only. The verdict
// of an SQLSTATE is pg_verdict of store/pg.h.

// libpq's messages end in a line feed, may have several lines, and in verbose form name the
// server's source file at the end: one sentence is wanted.
enum err verdict_say(struct why *why, enum err err, const char *sqlstate, const char *message);

// With verbose errors a refused login carries its SQLSTATE, which libpq gives in no other way:
// "FATAL:  28P01: password authentication failed". Several hosts make several lines; the last
// counts.
const char *verdict_sqlstate(const char *message);
