// SPDX-License-Identifier: MIT
// The processes are real: this program started again.

#include "support/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "auth/hasher.h"
#include "base/clock.h"
#include "base/program.h"
#include "crypto/crypto.h"

enum { PATIENCE_MS = 30000 };
static const char text[] = "correct horse battery staple";

static struct bytes password(void)
{
    return bytes_from_string(text);
}

static bool knows(struct auth_hasher *hasher, const char *hash, const char *guess)
{
    struct auth_password_result result = {false, true};
    struct why why = {0};
    assert_ok(auth_hasher_verify(hasher, hash, bytes_from_string(guess), &result, &why), &why);
    return result.is_right;
}

static void it_says_what_the_functions_themselves_say(void **state)
{
    (void)state;
    CLEANUP(auth_hasher_free_p) struct auth_hasher *hasher = auth_hasher_new();
    struct auth_password_result result = {false, false};
    struct why why = {0};
    char hash[AUTH_PASSWORD_HASH_MAX];
    assert_int_equal(auth_hasher_pid(hasher), 0);
    assert_ok(auth_hasher_hash(hasher, password(), hash, &why), &why);
    assert_ok(auth_password_verify(hash, password(), &result, &why), &why);
    assert_true(result.is_right);
    assert_true(knows(hasher, hash, text));
    assert_false(knows(hasher, hash, "correct horse battery stapl"));
    assert_false(knows(hasher, hash, ""));
    assert_ok(auth_hasher_verify_nobody(hasher, password(), &why), &why);
    // bcrypt of "U*U" (the test vectors of Openwall's crypt_blowfish), which is to be replaced.
    static const char bcrypt[] = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    assert_ok(auth_hasher_verify(hasher, bcrypt, bytes_from_string("U*U"), &result, &why), &why);
    assert_true(result.is_right && result.wants_upgrade);
}

static void what_is_refused_has_its_code_and_the_process_goes_on(void **state)
{
    (void)state;
    CLEANUP(auth_hasher_free_p) struct auth_hasher *hasher = auth_hasher_new();
    struct auth_password_result result = {false, false};
    struct why why = {0};
    char hash[AUTH_PASSWORD_HASH_MAX], endless[400];
    static char large[AUTH_PASSWORD_BYTES_MAX + 1];
    memset(large, 'x', sizeof large);
    memset(endless, '$', sizeof endless);
    endless[sizeof endless - 1] = '\0';
    const struct {
        const char *hash, *code;
    } cases[] = {{"", "hash-unknown"},
                 {"$argon2id$v=19$m=4194304,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
                  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                  "hash-too-costly"},
                 {endless, "hash-unknown"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(auth_hasher_verify(hasher, cases[i].hash, password(), &result, &why),
                         ERR_REJECT);
        assert_string_equal(why.code, cases[i].code);
    }
    assert_int_equal(auth_hasher_hash(hasher, bytes_of(large, sizeof large), hash, &why),
                     ERR_REJECT);
    assert_string_equal(why.code, "password-too-long");
    pid_t pid = auth_hasher_pid(hasher);
    assert_ok(auth_hasher_hash(hasher, bytes_of(large, sizeof large - 1), hash, &why), &why);
    assert_ok(auth_hasher_verify(hasher, hash, bytes_of(large, sizeof large), &result, &why), &why);
    assert_false(result.is_right);
    assert_ok(auth_hasher_verify(hasher, hash, bytes_of(large, sizeof large - 1), &result, &why),
              &why);
    assert_true(result.is_right);
    assert_true(pid != 0 && auth_hasher_pid(hasher) == pid);
}

static void its_process_gives_way_to_all_others(void **state)
{
    (void)state;
    CLEANUP(auth_hasher_free_p) struct auth_hasher *hasher = auth_hasher_new();
    struct why why = {0};
    assert_ok(auth_hasher_verify_nobody(hasher, password(), &why), &why);
    pid_t pid = auth_hasher_pid(hasher);
    int niceness = getpriority(PRIO_PROCESS, 0) + AUTH_HASHER_NICE, most = 19;
    assert_int_equal(getpriority(PRIO_PROCESS, (id_t)pid), niceness < most ? niceness : most);
    assert_int_equal(getsid(pid), pid);
    char path[64], line[64] = "";
    snprintf(path, sizeof path, "/proc/%d/autogroup", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) // a kernel without it
        return;
    const char *got = fgets(line, sizeof line, file);
    fclose(file);
    if (got != NULL)
        assert_non_null(strstr(line, " nice 15\n"));
}

static void its_process_has_no_file_of_ours(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0); // without FD_CLOEXEC: as a library may leave one
    CLEANUP(auth_hasher_free_p) struct auth_hasher *hasher = auth_hasher_new();
    struct why why = {0};
    assert_ok(auth_hasher_verify_nobody(hasher, password(), &why), &why);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)auth_hasher_pid(hasher));
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        if (entry->d_name[0] != '.')
            assert_true(strlen(entry->d_name) == 1 && entry->d_name[0] <= '2');
    closedir(folder);
    close(ends[0]);
    close(ends[1]);
}

static void another_process_takes_the_place_of_one_that_was_killed(void **state)
{
    (void)state;
    CLEANUP(auth_hasher_free_p) struct auth_hasher *hasher = auth_hasher_new();
    struct why why = {0};
    char hash[AUTH_PASSWORD_HASH_MAX];
    assert_ok(auth_hasher_hash(hasher, password(), hash, &why), &why);
    for (int i = 0; i < 3; i++) {
        pid_t pid = auth_hasher_pid(hasher);
        kill(pid, SIGKILL);
        assert_true(knows(hasher, hash, text));
        assert_int_not_equal(auth_hasher_pid(hasher), pid);
        assert_int_equal(kill(pid, 0), -1); // no zombie
        assert_int_equal(errno, ESRCH);
    }
}

static bool is_gone(pid_t pid)
{
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return true;
    const char *got = fgets(line, sizeof line, file);
    fclose(file);
    const char *name_end = got == NULL ? NULL : strrchr(line, ')');
    return name_end == NULL || name_end[2] == 'Z'; // ended; whoever inherited it has not looked yet
}

// This program as an owner: writes the number of its hasher's process, and waits to be killed.
static int own_one(void)
{
    struct auth_hasher *hasher = auth_hasher_new();
    if (auth_hasher_verify_nobody(hasher, password(), NULL) != ERR_OK)
        return 1;
    pid_t pid = auth_hasher_pid(hasher);
    if (write(STDOUT_FILENO, &pid, sizeof pid) != sizeof pid)
        return 1;
    for (;;)
        pause();
}

static void start_this(const char *argument, int in, int out, pid_t *ret)
{
    char program[] = "hasher", copy[32];
    snprintf(copy, sizeof copy, "%s", argument);
    char *const argv[] = {program, copy, NULL};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    assert_int_equal(posix_spawn(ret, "/proc/self/exe", &files, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&files);
}

static void its_process_ends_with_its_owner_whatever_ended_that(void **state)
{
    (void)state;
    int ends[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t owner = 0, pid = 0;
    start_this("own-one", null, ends[1], &owner);
    close(ends[1]);
    assert_int_equal(read(ends[0], &pid, sizeof pid), sizeof pid);
    assert_false(is_gone(pid));
    kill(owner, SIGKILL);
    assert_int_equal(waitpid(owner, NULL, 0), owner);
    int64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    while (!is_gone(pid) && clock_mono_ms() < until_ms)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    assert_true(is_gone(pid));
    close(ends[0]);
    close(null);
}

static void started_by_hand_it_says_that_it_is_not_for_that(void **state)
{
    (void)state;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), status = 0;
    pid_t pid = 0;
    start_this(AUTH_HASHER_ARGUMENT, null, null, &pid);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_USAGE);
    close(null);
}

int main(int argc, char **argv)
{
    int status = 0;
    struct why why = {0};
    if (auth_hasher_serve(argc, argv, &status))
        return status;
    if (crypto_init(&why) != ERR_OK)
        return 1;
    if (argc == 2 && strcmp(argv[1], "own-one") == 0)
        return own_one();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_what_the_functions_themselves_say),
        cmocka_unit_test(what_is_refused_has_its_code_and_the_process_goes_on),
        cmocka_unit_test(its_process_gives_way_to_all_others),
        cmocka_unit_test(its_process_has_no_file_of_ours),
        cmocka_unit_test(another_process_takes_the_place_of_one_that_was_killed),
        cmocka_unit_test(its_process_ends_with_its_owner_whatever_ended_that),
        cmocka_unit_test(started_by_hand_it_says_that_it_is_not_for_that),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
