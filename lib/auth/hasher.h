// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "auth/password.h"

// The functions of password.h that take long, in a process of their own which gives way to all
// others. A thread could not: niceness counts among the threads of one session only where the
// kernel groups by session (autogroup, sched(7)), and argon2id on every processor would keep
// waiting what a call of somebody else goes through, here and in Kafka.
//
// The process is this very program, started again with AUTH_HASHER_ARGUMENT; it ends when its owner
// does, whatever ended that. One thread per hasher; each hasher has one process.

#define AUTH_HASHER_ARGUMENT "hash-passwords"
enum { AUTH_HASHER_NICE = 15 }; // a login may wait a little, and must get its turn

// First in main of a program that has hashers: true where this process is one, which has served
// until its owner was gone; main returns *ret_status then.
MUST_CHECK bool auth_hasher_serve(int argc, char **argv, int *ret_status);

struct auth_hasher;
struct auth_hasher *auth_hasher_new(void);         // its process is started by the first call
void auth_hasher_free(struct auth_hasher *hasher); // and ended. NULL is accepted
DEFINE_CLEANUP(struct auth_hasher, auth_hasher_free)
pid_t auth_hasher_pid(const struct auth_hasher *hasher); // 0: none runs

// As their namesakes in password.h. Where the process has ended, another one is started. ERR_RETRY
// also where none can be, or two in a row have ended or given no answer within a minute.
MUST_CHECK enum err auth_hasher_hash(struct auth_hasher *hasher, struct bytes password,
                                     char ret[AUTH_PASSWORD_HASH_MAX], struct why *why);
MUST_CHECK enum err auth_hasher_verify(struct auth_hasher *hasher, const char *hash,
                                       struct bytes password, struct auth_password_result *ret,
                                       struct why *why);
MUST_CHECK enum err auth_hasher_verify_nobody(struct auth_hasher *hasher, struct bytes password,
                                              struct why *why);
