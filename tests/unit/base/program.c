// SPDX-License-Identifier: MIT
#include "base/program.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/check.h"

// Each test is about the end of a process, so each has a child: it says "ready", stops by a signal,
// works on for a while and ends with DONE, unless something ends it before.

enum { GRACE_MS = 1500, WORK_MS = 400, APART_MS = 250, MOST_MS = 20000, DONE = 42, LATE = 43 };

struct child {
    pid_t pid;
    int out, err; // what it writes
};

static void pause_ms(int ms)
{
    int64_t end_ms = clock_mono_ms() + ms;
    for (int64_t left = ms; left > 0; left = end_ms - clock_mono_ms())
        poll(NULL, 0, (int)left);
}

static void live(int work_ms)
{
    program_init(GRACE_MS);
    program_set_late_status(LATE);
    IGNORE(write(STDOUT_FILENO, "r", 1)); // the parent's read says whether it came
    if (!program_wait_ms(MOST_MS))
        _exit(1);
    pause_ms(work_ms);
    _exit(DONE);
}

static struct child begin(int work_ms)
{
    int out[2], err[2];
    assert_int_equal(pipe(out), 0);
    assert_int_equal(pipe(err), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        live(work_ms);
    }
    close(out[1]);
    close(err[1]);
    char ready = 0;
    assert_int_equal(read(out[0], &ready, 1), 1);
    return (struct child){pid, out[0], err[0]};
}

// Its exit status, and what it said on standard error.
static int end(struct child *child, char said[1024])
{
    int status = 0;
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    assert_true(WIFEXITED(status));
    ssize_t len = read(child->err, said, 1023);
    assert_true(len >= 0);
    said[len] = '\0';
    close(child->out);
    close(child->err);
    return WEXITSTATUS(status);
}

static void a_signal_lets_the_work_end(void **state)
{
    (void)state;
    char said[1024];
    struct child child = begin(WORK_MS);
    kill(child.pid, SIGTERM);
    assert_int_equal(end(&child, said), DONE);
    assert_string_equal(said, "");
}

static void two_signals_at_once_are_one(void **state)
{
    (void)state;
    static const int pairs[][2] = {{SIGINT, SIGINT}, {SIGTERM, SIGINT}, {SIGTERM, SIGTERM}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        char said[1024];
        struct child child = begin(WORK_MS);
        kill(child.pid, pairs[i][0]);
        kill(child.pid, pairs[i][1]);
        assert_int_equal(end(&child, said), DONE);
        assert_string_equal(said, "");
    }
}

static void a_second_signal_leaves_at_once_and_says_so(void **state)
{
    (void)state;
    char said[1024];
    struct child child = begin(MOST_MS);
    int64_t from_ms = clock_mono_ms();
    kill(child.pid, SIGINT);
    pause_ms(APART_MS);
    kill(child.pid, SIGINT);
    assert_int_equal(end(&child, said), LATE);
    assert_true(clock_mono_ms() - from_ms < GRACE_MS);
    assert_non_null(strstr(said, "event=left status=43 "));
    assert_non_null(strstr(said, "a second signal"));
}

static void the_end_of_the_grace_is_said(void **state)
{
    (void)state;
    char said[1024];
    struct child child = begin(MOST_MS);
    kill(child.pid, SIGTERM);
    assert_int_equal(end(&child, said), LATE);
    assert_non_null(strstr(said, "level=warn"));
    assert_non_null(strstr(said, "event=left status=43 "));
    assert_non_null(strstr(said, "had not returned in time"));
}

// Nobody reads its standard error, and the pipe is full.
static void a_full_pipe_does_not_keep_it(void **state)
{
    (void)state;
    int err[2];
    assert_int_equal(pipe(err), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(err[1], STDERR_FILENO);
        program_init(GRACE_MS);
        program_set_late_status(LATE);
        program_stop();
        for (;;)
            IGNORE(write(STDERR_FILENO, "full", 4)); // hangs once it is
    }
    close(err[1]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), LATE);
    close(err[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_lets_the_work_end),
        cmocka_unit_test(two_signals_at_once_are_one),
        cmocka_unit_test(a_second_signal_leaves_at_once_and_says_so),
        cmocka_unit_test(the_end_of_the_grace_is_said),
        cmocka_unit_test(a_full_pipe_does_not_keep_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
