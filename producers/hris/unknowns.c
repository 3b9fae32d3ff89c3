// SPDX-License-Identifier: MIT
// The file decides how many there are, so a few of each attribute are kept and the rest is
// "others". Rows come in their order, and after an aborted transaction from an earlier place again:
// the highest number seen tells which are new.

#include "unknowns.h"

#include <stdlib.h>

#include "base/mem.h"
#include "domain/employee.h"

enum { KEPT = 5, PART_BYTES_MAX = KEPT * (EVENT_TEXT_MAX + 4) + FEATURES_NAME_MAX + 32 };

struct kept {
    char *values[KEPT];
    size_t count;
    bool has_others;
};

struct unknowns {
    const struct features *features;
    struct kept *kept; // of each attribute
    int64_t rows, highest;
};

struct unknowns *unknowns_new(const struct features *features)
{
    struct unknowns *unknowns = mem_zalloc(sizeof *unknowns);
    unknowns->features = features;
    unknowns->kept = mem_zalloc(features->count * sizeof *unknowns->kept + 1);
    return unknowns;
}

void unknowns_free(struct unknowns *unknowns)
{
    if (unknowns == NULL)
        return;
    for (size_t i = 0; i < unknowns->features->count; i++)
        for (size_t k = 0; k < unknowns->kept[i].count; k++)
            free(unknowns->kept[i].values[k]);
    free(unknowns->kept);
    free(unknowns);
}

void unknowns_note(struct unknowns *unknowns, int64_t number, size_t attribute, struct bytes value)
{
    unknowns->rows += number > unknowns->highest;
    if (number > unknowns->highest)
        unknowns->highest = number;
    struct kept *kept = &unknowns->kept[attribute];
    for (size_t i = 0; i < kept->count; i++)
        if (bytes_equal_string(value, kept->values[i]))
            return;
    if (kept->count < KEPT)
        kept->values[kept->count++] = mem_dup_bytes(value.data, value.len);
    else
        kept->has_others = true;
}

int64_t unknowns_rows(const struct unknowns *unknowns)
{
    return unknowns->rows;
}

// What an attribute contributes to the list; its ceiling holds any.
static enum err write_part(const char *name, const struct kept *kept, struct text *out)
{
    enum err err = text_printf(out, "%s (", name);
    for (size_t i = 0; err == ERR_OK && i < kept->count; i++)
        err = text_printf(out, "%s\"%s\"", i > 0 ? ", " : "", kept->values[i]);
    return err == ERR_OK ? text_append_string(out, kept->has_others ? " and others)" : ")") : err;
}

void unknowns_write(const struct unknowns *unknowns, struct text *out)
{
    CLEANUP(text_done) struct text part = TEXT_INIT(PART_BYTES_MAX);
    size_t left_out = 0;
    for (size_t i = 0; i < unknowns->features->count; i++) {
        text_clear(&part);
        if (unknowns->kept[i].count > 0 &&
            write_part(unknowns->features->attributes[i].name, &unknowns->kept[i], &part) == ERR_OK)
            text_list_add(out, &left_out, text_bytes(&part));
    }
    text_list_end(out, left_out);
}
