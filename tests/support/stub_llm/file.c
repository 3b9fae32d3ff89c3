// SPDX-License-Identifier: MIT
#include "file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum err file_read(const char *path, struct text *into, struct why *why)
{
    FILE *file = fopen(path, "re");
    char part[65536];
    if (file == NULL)
        return why_say(why, ERR_FATAL, "cannot read %s: %s", path, strerrordesc_np(errno));
    enum err err = ERR_OK;
    for (size_t got = 0; err == ERR_OK && (got = fread(part, 1, sizeof part, file)) > 0;)
        err = text_append(into, part, got);
    bool is_read = ferror(file) == 0;
    fclose(file);
    if (err != ERR_OK || !is_read)
        return why_say(why, ERR_FATAL, "%s cannot be read or is over %zu bytes", path,
                       into->ceiling);
    return ERR_OK;
}

enum err file_write(const char *path, const char *text, struct why *why)
{
    CLEANUP(mem_free_p) char *unfinished = mem_printf("%s.new", path);
    FILE *file = fopen(unfinished, "we");
    bool is_fine = file != NULL && fputs(text, file) >= 0;
    is_fine = file != NULL && fclose(file) == 0 && is_fine;
    if (!is_fine || rename(unfinished, path) != 0)
        return why_say(why, ERR_FATAL, "cannot write %s: %s", path, strerrordesc_np(errno));
    return ERR_OK;
}
