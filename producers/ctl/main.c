// SPDX-License-Identifier: MIT
// retentionctl: the operator's tool. Finds the command in its table and hands over.

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/program.h"
#include "command.h"

enum { GRACE_MS = 4000 };

static const struct {
    const char *family, *word;
    command_run *run;
    const char *help;
} commands[] = {
#define COMMAND(family, word, function, help) {family, word, command_##function, help},
#include "commands.def"
#undef COMMAND
};

static int usage(FILE *to, int status)
{
    fprintf(to, "usage: retentionctl COMMAND [settings] [arguments]\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        char name[40];
        snprintf(name, sizeof name, "%s %s", commands[i].family, commands[i].word);
        fprintf(to, "  %-22s %s\n", name, commands[i].help);
    }
    fprintf(to, "\nretentionctl COMMAND --help tells the settings of each.\n");
    return status;
}

int main(int argc, char **argv)
{
    log_init("retentionctl", LOG_LEVEL_WARN);
    program_init(GRACE_MS);
    if (argc < 2)
        return usage(stderr, EXIT_USAGE);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return usage(stdout, EXIT_OK);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        int words = commands[i].word[0] == '\0' ? 1 : 2;
        if (argc <= words || strcmp(argv[1], commands[i].family) != 0 ||
            (words == 2 && strcmp(argv[2], commands[i].word) != 0))
            continue;
        CLEANUP(mem_free_p)
        char *name = mem_printf("retentionctl %s%s%s", commands[i].family, words == 2 ? " " : "",
                                commands[i].word);
        argv[words] = name;
        return commands[i].run(argc - words, argv + words);
    }
    fprintf(stderr, "retentionctl: there is no command \"%s%s%s\"\n", argv[1], argc > 2 ? " " : "",
            argc > 2 ? argv[2] : "");
    return usage(stderr, EXIT_USAGE);
}
