// SPDX-License-Identifier: MIT
// The floor of logins: argon2id with the cost that passwords have here, in THREADS threads for so
// long, and nothing else. With "give-way" other processes go first, as beside the gateway's
// hashers. Prints how many a second; a check that says no ends it.

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "auth/hasher.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/program.h"
#include "crypto/argon2id.h"
#include "crypto/crypto.h"

enum { THREADS_MAX = 64 };
static const char password[] = "correct horse battery staple";

struct work {
    char hash[CRYPTO_ARGON2ID_MAX];
    int64_t begin_ns, end_ns;
    atomic_uint_fast64_t count;
    atomic_bool has_failed;
};

static void *check(void *argument)
{
    struct work *work = argument;
    while (clock_mono_ns() < work->end_ns) {
        bool matches = false;
        enum err err =
            crypto_argon2id_verify(work->hash, bytes_from_string(password), &matches, NULL);
        if (err != ERR_OK || !matches)
            atomic_store(&work->has_failed, true);
        if (clock_mono_ns() < work->end_ns)
            atomic_fetch_add(&work->count, 1);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int64_t threads = 0, window_ms = 0;
    pthread_t ids[THREADS_MAX];
    struct work work = {0};
    struct why why = {0};
    bool gives_way = argc == 4 && strcmp(argv[3], "give-way") == 0;
    if ((argc != 3 && !gives_way) ||
        parse_i64(bytes_from_string(argv[1]), 1, THREADS_MAX, &threads, NULL) != ERR_OK ||
        parse_duration_ms(bytes_from_string(argv[2]), &window_ms, NULL) != ERR_OK) {
        fprintf(stderr, "usage: bench-argon2id THREADS WINDOW [give-way]\n");
        return 2;
    }
    if (gives_way)
        program_give_way(AUTH_HASHER_NICE);
    if (crypto_init(&why) != ERR_OK ||
        crypto_argon2id_hash(bytes_from_string(password), work.hash, &why) != ERR_OK) {
        fprintf(stderr, "bench-argon2id: %s\n", why.text);
        return 1;
    }
    work.begin_ns = clock_mono_ns();
    work.end_ns = work.begin_ns + window_ms * 1000000;
    for (int64_t i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, check, &work) != 0)
            return 1;
    for (int64_t i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    printf("{\"rate\": %.3f, \"checks\": %" PRIuFAST64 "}\n",
           (double)work.count / ((double)window_ms / 1e3), work.count);
    return atomic_load(&work.has_failed) ? 1 : 0;
}
