// SPDX-License-Identifier: MIT
#include "store/verdict.h"

#include <ctype.h>
#include <string.h>

#include "base/compiler.h"
#include "store/pg.h"

enum err pg_verdict(const char *sqlstate)
{
    static const struct {
        const char *prefix;
        enum err err;
    } verdicts[] = {
        {"08", ERR_RETRY},    // connection exceptions
        {"22", ERR_REJECT},   // data exceptions
        {"23", ERR_REJECT},   // integrity constraints
        {"54", ERR_REJECT},   // too large for a row or an index
        {"25006", ERR_RETRY}, // read only: the primary is elsewhere now
        {"25P03", ERR_RETRY}, // idle in transaction for too long: we were paused
        {"40", ERR_RETRY},    // serialization, deadlock
        {"53", ERR_RETRY},    // disk full, memory, connections
        {"55P03", ERR_RETRY}, // lock not available
        {"57P04", ERR_FATAL}, // database dropped
        {"57", ERR_RETRY},    // shut down, starting up, statement time-out
        {"58", ERR_RETRY},    // the server's system calls
    };
    if (sqlstate == NULL)
        return ERR_RETRY;
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
        if (strncmp(sqlstate, verdicts[i].prefix, strlen(verdicts[i].prefix)) == 0)
            return verdicts[i].err;
    return ERR_FATAL;
}

enum err verdict_say(struct why *why, enum err err, const char *sqlstate, const char *message)
{
    char line[400];
    const char *location = strstr(message, "\nLOCATION:");
    size_t end = location != NULL ? (size_t)(location - message) : strlen(message);
    size_t len = 0;
    for (; len < end && len < sizeof line - 1; len++)
        line[len] = message[len] == '\n' ? ' ' : message[len];
    while (len > 0 && line[len - 1] == ' ')
        len--;
    line[len] = '\0';
    char code[6] = "";
    for (size_t i = 0; sqlstate != NULL && i < 5 && sqlstate[i] != '\0'; i++)
        code[i] = (char)tolower((unsigned char)sqlstate[i]);
    return why_code(why, err, code, "PostgreSQL: %s", line);
}

const char *verdict_sqlstate(const char *message)
{
    const char *found = NULL;
    for (const char *at = strstr(message, ":  "); at != NULL; at = strstr(at + 1, ":  ")) {
        const char *code = at + 3;
        size_t len = strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        if (len == 5 && code[5] == ':')
            found = code;
    }
    return found;
}
