// SPDX-License-Identifier: MIT
// retentionctl: the operator's tool. Finds the command in its table and hands over.

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

// Of one family's commands, or of all where it is NULL.
static int usage(FILE *to, const char *family, int status)
{
    fprintf(to, "usage: retentionctl %s%sCOMMAND [settings] [arguments]\n\n",
            family == NULL ? "" : family, family == NULL ? "" : " ");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        char name[40];
        if (family != NULL && strcmp(family, commands[i].family) != 0)
            continue;
        snprintf(name, sizeof name, "%s %s", commands[i].family, commands[i].word);
        fprintf(to, "  %-22s %s\n", name, commands[i].help);
    }
    fprintf(to,
            "\nretentionctl COMMAND --help tells the settings of each, --version which this is.\n");
    return status;
}

static bool has_words(const char *family)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].family, family) == 0 && commands[i].word[0] != '\0')
            return true;
    return false;
}

// Nobody reads standard output any more.
static bool is_unread(void)
{
    struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&fd, 1, 0) == 1 && (fd.revents & POLLERR) != 0;
}

// What was printed may still be here. Where it cannot be written the command was for nothing, but
// not where its reader has seen enough (| head).
static int end(int status)
{
    errno = 0;
    bool is_out = fflush(stdout) == 0 && ferror(stdout) == 0;
    if (is_out || status != EXIT_OK || is_unread())
        return status;
    fprintf(stderr, "retentionctl: cannot write the output: %s\n",
            errno == 0 ? "a part of it was lost" : strerrordesc_np(errno));
    return EXIT_FAILED;
}

int main(int argc, char **argv)
{
    log_init("retentionctl", LOG_LEVEL_WARN);
    program_init(GRACE_MS);
    if (argc < 2)
        return usage(stderr, NULL, EXIT_USAGE);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return end(usage(stdout, NULL, EXIT_OK));
    if (strcmp(argv[1], "--version") == 0) {
        printf("retentionctl %s\n", program_version());
        return end(EXIT_OK);
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        int words = commands[i].word[0] == '\0' ? 1 : 2;
        if (argc <= words || strcmp(argv[1], commands[i].family) != 0 ||
            (words == 2 && strcmp(argv[2], commands[i].word) != 0))
            continue;
        CLEANUP(mem_free_p)
        char *name = mem_printf("retentionctl %s%s%s", commands[i].family, words == 2 ? " " : "",
                                commands[i].word);
        argv[words] = name;
        return end(commands[i].run(argc - words, argv + words));
    }
    bool is_family = has_words(argv[1]);
    if (is_family && argc > 2 && strcmp(argv[2], "--help") == 0)
        return end(usage(stdout, argv[1], EXIT_OK));
    if (is_family && argc == 2)
        return usage(stderr, argv[1], EXIT_USAGE);
    fprintf(stderr,
            "retentionctl: there is no command \"%s%s%s\"; retentionctl %s%s--help lists them\n",
            argv[1], argc > 2 ? " " : "", argc > 2 ? argv[2] : "", is_family ? argv[1] : "",
            is_family ? " " : "");
    return EXIT_USAGE;
}
