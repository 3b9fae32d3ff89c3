// SPDX-License-Identifier: MIT
#include "support/check.h"
#include "support/pg.h"

#include <errno.h>
#include <ftw.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/migrate.h"

// The postmaster is our own child, so it can be killed and reaped without asking pg_ctl, and the
// kernel ends it (by the parent-death signal) should the test itself be killed.

enum { START_WAIT_MS = 30000 };

struct pg_server {
    char dir[64];
    char bin[128];
    pid_t pid;
    unsigned databases;
};

static bool is_root(void)
{
    return geteuid() == 0;
}

// The newest PostgreSQL of Debian's layout.
static void find_binaries(char *bin, size_t size)
{
    glob_t found;
    if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) != 0)
        fail_msg("no PostgreSQL under /usr/lib/postgresql: install the package postgresql");
    snprintf(bin, size, "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
}

static void become_postgres(void)
{
    struct passwd *user = getpwnam("postgres");
    if (user == NULL || initgroups("postgres", user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
        setuid(user->pw_uid) != 0)
        _exit(126);
}

// Starts a program of the cluster with its output in the file `log` of the directory.
static pid_t spawn(const struct pg_server *server, const char *program, const char *log,
                   const char *const *args)
{
    char path[256], log_path[128];
    snprintf(path, sizeof path, "%s/%s", server->bin, program);
    // PostgreSQL's programs find their files from argv[0]; not everywhere are they on the PATH.
    char *argv[24] = {mem_dup(path)}; // execv wants them writable
    for (size_t i = 1; args[i] != NULL; i++)
        argv[i] = mem_dup(args[i]);
    snprintf(log_path, sizeof log_path, "%s/%s", server->dir, log);
    pid_t parent = getpid();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) {
        for (size_t i = 0; argv[i] != NULL; i++)
            free(argv[i]);
        return pid;
    }
    if (is_root())
        become_postgres();
    if (prctl(PR_SET_PDEATHSIG, SIGQUIT) != 0 || getppid() != parent)
        _exit(126);
    int out = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (out < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0 ||
        chdir(server->dir) != 0)
        _exit(126);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(path, argv);
    _exit(127);
}

static void start_postmaster(struct pg_server *server)
{
    char data[128], sockets[128];
    snprintf(data, sizeof data, "%s/data", server->dir);
    snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", server->dir);
    const char *const argv[] = {"postgres",
                                "-D",
                                data,
                                "-c",
                                sockets,
                                "-c",
                                "listen_addresses=",
                                "-c",
                                "fsync=off",
                                "-c",
                                "max_connections=20",
                                "-c",
                                "shared_buffers=32MB",
                                NULL};
    server->pid = spawn(server, "postgres", "log", argv);
    char *url = mem_printf("host=%s dbname=postgres user=%s", server->dir,
                           is_root() ? "postgres" : getpwuid(geteuid())->pw_name);
    struct pg *pg = NULL;
    struct why why = {0};
    assert_ok(pg_open(&(struct pg_options){.url = url, .application_name = "test", .stop_fd = -1},
                      &pg, &why),
              &why);
    int64_t by_ms = clock_mono_ms() + START_WAIT_MS;
    while (pg_connect(pg, &why) != ERR_OK) {
        if (clock_mono_ms() > by_ms || waitpid(server->pid, NULL, WNOHANG) != 0)
            fail_msg("PostgreSQL does not start (see %s/log): %s", server->dir, why.text);
        usleep(20000); // nothing can be waited for: the socket is not there yet
    }
    pg_close(pg);
    free(url);
}

struct pg_server *pg_server_start(void)
{
    struct pg_server *server = mem_zalloc(sizeof *server);
    find_binaries(server->bin, sizeof server->bin);
    snprintf(server->dir, sizeof server->dir, "/tmp/retentionai-pg-XXXXXX");
    assert_non_null(mkdtemp(server->dir));
    if (is_root()) {
        struct passwd *user = getpwnam("postgres");
        assert_non_null(user);
        assert_int_equal(chown(server->dir, user->pw_uid, user->pw_gid), 0);
    }
    char data[128];
    snprintf(data, sizeof data, "%s/data", server->dir);
    const char *const argv[] = {"initdb", "-D",   data,          "-A",        "trust",
                                "-E",     "UTF8", "--no-locale", "--no-sync", "--no-instructions",
                                NULL};
    int status = 0;
    pid_t pid = spawn(server, "initdb", "initdb.log", argv);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0)
        fail_msg("initdb failed, see %s/initdb.log", server->dir);
    start_postmaster(server);
    return server;
}

void pg_server_crash(struct pg_server *server)
{
    // Immediate shutdown: the children end without a word and the next start replays the log.
    kill(server->pid, SIGQUIT);
    assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
    server->pid = 0;
}

void pg_server_again(struct pg_server *server)
{
    start_postmaster(server);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void pg_server_stop(struct pg_server *server)
{
    if (server == NULL)
        return;
    if (server->pid > 0)
        pg_server_crash(server);
    nftw(server->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(server);
}

struct pg *pg_server_connect(const char *url, const char *session_sql)
{
    struct pg *pg = NULL;
    struct why why = {0};
    struct pg_options options = {
        .url = url, .application_name = "test", .session_sql = session_sql, .stop_fd = -1};
    assert_ok(pg_open(&options, &pg, &why), &why);
    assert_ok(pg_connect(pg, &why), &why);
    return pg;
}

char *pg_server_new_database(struct pg_server *server)
{
    char *base = mem_printf("host=%s user=%s", server->dir,
                            is_root() ? "postgres" : getpwuid(geteuid())->pw_name);
    char *admin_url = mem_printf("%s dbname=postgres", base);
    char *sql = mem_printf("CREATE DATABASE test_%u", ++server->databases);
    struct pg *admin = pg_server_connect(admin_url, NULL);
    pg_must(admin, sql);
    pg_close(admin);
    char *url = mem_printf("%s dbname=test_%u", base, server->databases);
    free(sql);
    free(admin_url);
    free(base);
    return url;
}

static void migrate(struct pg *pg)
{
    struct migrate_options options = {0};
    options.count = sql_migrations(&options.migrations);
    size_t applied = 0;
    struct why why = {0};
    assert_ok(migrate_run(pg, &options, &applied, &why), &why);
    assert_int_equal(applied, options.count);
}

char *pg_server_migrated_url(struct pg_server *server)
{
    char *url = pg_server_new_database(server);
    struct pg *pg = pg_server_connect(url, NULL);
    migrate(pg);
    pg_close(pg);
    return url;
}

struct pg *pg_server_migrated(struct pg_server *server)
{
    char *url = pg_server_new_database(server);
    struct pg *pg = pg_server_connect(url, NULL);
    free(url);
    migrate(pg);
    return pg;
}

void pg_must(struct pg *pg, const char *script)
{
    struct why why = {0};
    assert_ok(pg_script(pg, script, &why), &why);
}

int64_t pg_value(struct pg *pg, const char *sql)
{
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct why why = {0};
    char *cast = mem_printf("SELECT (%s)::bigint", sql);
    assert_ok(pg_exec(pg, cast, NULL, 0, &rows, &why), &why);
    free(cast);
    assert_int_equal(pg_count(rows), 1);
    return pg_get_int8(rows, 0, 0);
}
