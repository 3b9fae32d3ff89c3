// SPDX-License-Identifier: MIT
// The two ends of a socket that keeps the borders of messages: a job goes one way, its result the
// other. Both ends are the same program, so both are plain structs. The owner's end is closed in
// every other process, so that the hasher reads the end of it when the owner is gone, also by kill
// -9. What was secret is wiped on both sides.

#include "auth/hasher.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/program.h"
#include "crypto/crypto.h"

enum {
    ANSWER_S = 60,    // a thousand times what a hash takes
    STORED_MAX = 256, // characters of a hash: more than any that password.h takes
    JOB_FD = STDIN_FILENO,
};

enum kind { KIND_HASH, KIND_VERIFY, KIND_VERIFY_NOBODY };

struct job {
    enum kind kind;
    size_t password_len;
    char password[AUTH_PASSWORD_BYTES_MAX];
    char hash[STORED_MAX + 1]; // that is verified
};

struct result {
    enum err err;
    struct why why;
    struct auth_password_result verified;
    char hash[AUTH_PASSWORD_HASH_MAX]; // that was made
};

struct auth_hasher {
    pid_t pid; // 0: none
    int fd;
};

// ---- the process

static void work(const struct job *job, struct result *ret)
{
    struct bytes password = bytes_of(job->password, job->password_len);
    switch (job->kind) {
    case KIND_HASH:
        ret->err = auth_password_hash(password, ret->hash, &ret->why);
        return;
    case KIND_VERIFY:
        ret->err = auth_password_verify(job->hash, password, &ret->verified, &ret->why);
        return;
    case KIND_VERIFY_NOBODY:
        ret->err = auth_password_verify_nobody(password, &ret->why);
        return;
    }
    ret->err = why_say(&ret->why, ERR_FATAL, "no such work");
}

static bool is_socket_of_an_owner(void)
{
    int type = 0;
    socklen_t len = sizeof type;
    return getsockopt(JOB_FD, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

static int serve(void)
{
    struct why why = {0};
    if (!is_socket_of_an_owner()) {
        fprintf(stderr, "%s: is started by the program itself, see --help\n", AUTH_HASHER_ARGUMENT);
        return EXIT_USAGE;
    }
    program_give_way(AUTH_HASHER_NICE);
    if (crypto_init(&why) != ERR_OK)
        return EXIT_FAILED;
    struct job job;
    while (recv(JOB_FD, &job, sizeof job, 0) == (ssize_t)sizeof job &&
           job.password_len <= sizeof job.password) {
        struct result result = {.err = ERR_OK};
        work(&job, &result);
        crypto_wipe(&job, sizeof job);
        ssize_t sent = send(JOB_FD, &result, sizeof result, MSG_NOSIGNAL);
        crypto_wipe(&result, sizeof result);
        if (sent < 0)
            break;
    }
    return EXIT_OK;
}

bool auth_hasher_serve(int argc, char **argv, int *ret_status)
{
    if (argc != 2 || strcmp(argv[1], AUTH_HASHER_ARGUMENT) != 0)
        return false;
    *ret_status = serve();
    return true;
}

// ---- its owner

struct auth_hasher *auth_hasher_new(void)
{
    struct auth_hasher *hasher = mem_zalloc(sizeof *hasher);
    hasher->fd = -1;
    return hasher;
}

static void end_process(struct auth_hasher *hasher)
{
    if (hasher->fd >= 0)
        close(hasher->fd);
    hasher->fd = -1;
    if (hasher->pid == 0)
        return;
    kill(hasher->pid, SIGKILL); // it has nothing to lose
    while (waitpid(hasher->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    hasher->pid = 0;
}

void auth_hasher_free(struct auth_hasher *hasher)
{
    if (hasher == NULL)
        return;
    end_process(hasher);
    free(hasher);
}

pid_t auth_hasher_pid(const struct auth_hasher *hasher)
{
    return hasher->pid;
}

// A program with many threads may not fork and go on; this starts itself anew instead, with signals
// as a program expects them and no file of ours open.
static int spawn(int socket, pid_t *ret)
{
    char *const argv[] = {program_invocation_short_name, (char[]){AUTH_HASHER_ARGUMENT}, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int error = posix_spawn_file_actions_adddup2(&files, socket, JOB_FD);
    if (error == 0)
        error = posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    if (error == 0)
        error = posix_spawn(ret, "/proc/self/exe", &files, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

static enum err start_process(struct auth_hasher *hasher, struct why *why)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return why_say(why, ERR_RETRY,
                       "cannot open a socket to a process that hashes passwords: %s",
                       strerror(errno));
    const struct timeval limit = {.tv_sec = ANSWER_S};
    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    pid_t pid = 0;
    int error = spawn(ends[1], &pid);
    close(ends[1]);
    if (error != 0) {
        close(ends[0]);
        return why_say(why, ERR_RETRY, "cannot start a process that hashes passwords: %s",
                       strerror(error));
    }
    hasher->pid = pid;
    hasher->fd = ends[0];
    return ERR_OK;
}

static ssize_t receive(int fd, struct result *ret)
{
    ssize_t got = -1;
    do
        got = recv(fd, ret, sizeof *ret, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

// False: the process has ended, or hangs, and is gone now.
static bool exchange(struct auth_hasher *hasher, const struct job *job, struct result *ret)
{
    if (send(hasher->fd, job, sizeof *job, MSG_NOSIGNAL) == (ssize_t)sizeof *job &&
        receive(hasher->fd, ret) == (ssize_t)sizeof *ret)
        return true;
    end_process(hasher);
    return false;
}

// A process that has ended meanwhile is nobody's error: another one gets the job, once.
static enum err run_job(struct auth_hasher *hasher, const struct job *job, struct result *ret,
                        struct why *why)
{
    for (int tries = 0; tries < 2; tries++) {
        enum err err = hasher->pid == 0 ? start_process(hasher, why) : ERR_OK;
        if (err != ERR_OK)
            return err;
        if (!exchange(hasher, job, ret))
            continue;
        if (ret->err != ERR_OK && why != NULL)
            *why = ret->why;
        return ret->err;
    }
    return why_say(why, ERR_RETRY, "the process that hashes passwords has ended twice, or hangs");
}

// What is too long for a job is told apart by password.c without any work.
static bool is_too_long(struct bytes password)
{
    return password.len > AUTH_PASSWORD_BYTES_MAX;
}

static void set_password(struct job *job, struct bytes password)
{
    job->password_len = password.len;
    if (password.len > 0)
        memcpy(job->password, password.data, password.len);
}

enum err auth_hasher_hash(struct auth_hasher *hasher, struct bytes password,
                          char ret[AUTH_PASSWORD_HASH_MAX], struct why *why)
{
    if (is_too_long(password))
        return auth_password_hash(password, ret, why);
    struct job job = {.kind = KIND_HASH};
    struct result result;
    set_password(&job, password);
    enum err err = run_job(hasher, &job, &result, why);
    if (err == ERR_OK)
        memcpy(ret, result.hash, sizeof result.hash);
    crypto_wipe(&job, sizeof job);
    crypto_wipe(&result, sizeof result);
    return err;
}

enum err auth_hasher_verify(struct auth_hasher *hasher, const char *hash, struct bytes password,
                            struct auth_password_result *ret, struct why *why)
{
    size_t hash_len = strlen(hash);
    if (is_too_long(password) || hash_len > STORED_MAX)
        return auth_password_verify(hash, password, ret, why);
    struct job job = {.kind = KIND_VERIFY};
    struct result result;
    set_password(&job, password);
    memcpy(job.hash, hash, hash_len);
    enum err err = run_job(hasher, &job, &result, why);
    if (err == ERR_OK)
        *ret = result.verified;
    crypto_wipe(&job, sizeof job);
    return err;
}

enum err auth_hasher_verify_nobody(struct auth_hasher *hasher, struct bytes password,
                                   struct why *why)
{
    if (is_too_long(password))
        return auth_password_verify_nobody(password, why);
    struct job job = {.kind = KIND_VERIFY_NOBODY};
    struct result result;
    set_password(&job, password);
    enum err err = run_job(hasher, &job, &result, why);
    crypto_wipe(&job, sizeof job);
    return err;
}
