// SPDX-License-Identifier: MIT
#include "key_list.h"

#include "base/clock.h"

enum err key_list_read(struct pg *pg, struct key_list *ret, struct why *why)
{
    *ret = (struct key_list){.now_ms = clock_real_ms()};
    enum err err = signing_keys_list(pg, ret->now_ms, ret->keys, &ret->count, &ret->rows, why);
    while (err == ERR_OK && ret->signing < ret->count &&
           ret->keys[ret->signing].signs_from_ms > ret->now_ms)
        ret->signing++;
    return err;
}

void key_list_done(struct key_list *list)
{
    pg_rows_free(list->rows);
}
