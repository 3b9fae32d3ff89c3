// SPDX-License-Identifier: MIT
#include "support/tls_server.h"

#include "support/check.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/rude_server.h"

extern char **environ;

static pid_t spawn(const char *const *arguments)
{
    char *argv[24];
    size_t count = 0;
    for (; arguments[count] != NULL; count++)
        argv[count] = strdup(arguments[count]);
    argv[count] = NULL;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int fd = 0; fd < 3; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    pid_t pid = 0;
    assert_int_equal(posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    for (size_t i = 0; i < count; i++)
        free(argv[i]);
    return pid;
}

static void make_certificate(const struct tls_server *server, const char *name)
{
    char subject[80], alternative[80];
    snprintf(subject, sizeof subject, "/CN=%s", name);
    snprintf(alternative, sizeof alternative, "subjectAltName=DNS:%s", name);
    const char *const make[] = {"openssl",
                                "req",
                                "-x509",
                                "-newkey",
                                "ec",
                                "-pkeyopt",
                                "ec_paramgen_curve:prime256v1",
                                "-nodes",
                                "-days",
                                "2",
                                "-subj",
                                subject,
                                "-addext",
                                alternative,
                                "-keyout",
                                server->key,
                                "-out",
                                server->cert,
                                NULL};
    int result = -1;
    assert_true(waitpid(spawn(make), &result, 0) > 0 && result == 0);
}

void tls_server_start(struct tls_server *server, const char *name)
{
    char accept_at[16];
    snprintf(server->folder, sizeof server->folder, "/tmp/tls-server-XXXXXX");
    assert_non_null(mkdtemp(server->folder));
    snprintf(server->key, sizeof server->key, "%s/key.pem", server->folder);
    snprintf(server->cert, sizeof server->cert, "%s/cert.pem", server->folder);
    make_certificate(server, name);
    close(listen_anywhere(&server->port));
    snprintf(accept_at, sizeof accept_at, "%u", server->port);
    const char *const serve[] = {"openssl",    "s_server", "-accept",   accept_at, "-cert",
                                 server->cert, "-key",     server->key, "-www",    NULL};
    server->pid = spawn(serve);
}

void tls_server_stop(struct tls_server *server)
{
    kill(server->pid, SIGKILL); // it has inherited that SIGTERM is blocked
    waitpid(server->pid, NULL, 0);
    unlink(server->key);
    unlink(server->cert);
    rmdir(server->folder);
}
