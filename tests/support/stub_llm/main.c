// SPDX-License-Identifier: MIT
// retentionai-stub-llm: a language model's server for tests and demonstrations.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/program.h"
#include "base/settings.h"
#include "call.h"
#include "file.h"
#include "server.h"

// main accepts connections, so that it can stop doing so for a while, and fires what is due.

enum { GRACE_MS = 5000, BACKLOG = 1024, PEM_MAX = 1024 * 1024, LATENCY_MAX_MS = 3600000 };

struct settings {
#define SETTING SETTING_MEMBER
#include "settings.def"
#undef SETTING
};

static const struct setting table[] = {
#define SETTING SETTING_ROW
#include "settings.def"
#undef SETTING
};

static const struct settings_spec spec = {
    .program = "retentionai-stub-llm",
    .purpose =
        "Stands in for a language model: answers Gemini's generateContent (POST "
        "/v1beta/models/M:generateContent) and OpenAI's chat completions (POST "
        "/v1/chat/completions) with made-up retention plans, refuses requests that tell more "
        "than they may, and plays the faults of such services as a script says. For tests "
        "and demonstrations; never part of an installation.",
    .usage = "[settings]",
    .more = "GET /stats counts calls (DELETE begins anew), GET /requests?n= shows the last ones,\n"
            "PUT /script sets what happens next: a list of {\"fault\": \"rpm\", \"times\": 1,\n"
            "\"delay_ms\": 200} and {\"random\": [names], \"seed\": 7}. The names stand in "
            "faults.def.\n",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

struct stub {
    struct settings settings;
    struct text tls_cert, tls_key;
    struct forbid *forbid;
    struct later *later;
    struct server *server;
    int listener;
    uint16_t port;
    int64_t closed_until_ms; // the port refuses connections; 0: it does not
};

// "200ms" or "200ms-2s".
static enum err read_latency(const char *text, struct server_options *options, struct why *why)
{
    size_t first = strcspn(text, "-");
    const char *last = text[first] == '-' ? text + first + 1 : text;
    enum err err = parse_duration_ms(bytes_of(text, first), &options->latency_min_ms, why);
    if (err == ERR_OK)
        err = parse_duration_ms(bytes_from_string(last), &options->latency_max_ms, why);
    if (err == ERR_OK && (options->latency_min_ms < 0 || options->latency_max_ms > LATENCY_MAX_MS ||
                          options->latency_min_ms > options->latency_max_ms))
        err = why_say(why, ERR_REJECT, "give for example 200ms, or 200ms-2s, up to 1h");
    return err == ERR_OK ? err : why_prefix(why, ERR_FATAL, "--latency");
}

static enum err read_script(const struct stub *stub, struct script **ret, struct why *why)
{
    const char *path = stub->settings.script_file;
    CLEANUP(text_done) struct text file = TEXT_INIT(PEM_MAX);
    if (path[0] == '\0') {
        *ret = script_new();
        return ERR_OK;
    }
    enum err err = file_read(path, &file, why);
    if (err == ERR_OK)
        err = script_parse(text_bytes(&file), stub->tls_cert.len > 0, ret, why);
    return err == ERR_OK ? err : why_prefix(why, ERR_FATAL, "--script");
}

static enum err read_tls(struct stub *stub, struct why *why)
{
    const char *cert = stub->settings.tls_cert_file, *key = stub->settings.tls_key_file;
    if ((cert[0] == '\0') != (key[0] == '\0'))
        return why_say(why, ERR_FATAL, "--tls-cert and --tls-key go together");
    enum err err = cert[0] == '\0' ? ERR_OK : file_read(cert, &stub->tls_cert, why);
    return err == ERR_OK && key[0] != '\0' ? file_read(key, &stub->tls_key, why) : err;
}

// A socket bound to the address, whose port is filled in; -1 where that cannot be done.
static int bind_socket(struct sockaddr_in *address)
{
    socklen_t len = sizeof *address;
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, (struct sockaddr *)address, len) == 0 &&
        getsockname(fd, (struct sockaddr *)address, &len) == 0)
        return fd;
    int failed = errno;
    if (fd >= 0)
        close(fd);
    errno = failed;
    return -1;
}

// A port that the kernel chose is lost when the socket stops listening (reopen), one that was asked
// for is not: so it is asked for, by a second socket, while the first still holds it.
static enum err open_port(struct stub *stub, struct why *why)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)stub->settings.port)};
    if (inet_pton(AF_INET, stub->settings.address, &address.sin_addr) != 1)
        return why_say(why, ERR_FATAL, "--address: \"%s\" is no IPv4 address",
                       stub->settings.address);
    stub->listener = bind_socket(&address);
    if (stub->listener >= 0 && stub->settings.port == 0) {
        int first = stub->listener;
        stub->listener = bind_socket(&address);
        close(first);
    }
    if (stub->listener < 0 || listen(stub->listener, BACKLOG) != 0)
        return why_say(why, ERR_FATAL, "cannot listen on %s port %lld: %s; choose another --port",
                       stub->settings.address, (long long)stub->settings.port,
                       strerrordesc_np(errno));
    stub->port = ntohs(address.sin_port);
    return ERR_OK;
}

static enum err open_server(struct stub *stub, struct why *why)
{
    CLEANUP(script_free_p) struct script *script = NULL;
    const struct settings *settings = &stub->settings;
    struct server_options options = {.latency_seed = (uint64_t)settings->latency_seed,
                                     .keep = (size_t)settings->keep};
    enum err err = read_latency(settings->latency, &options, why);
    if (err == ERR_OK)
        err = read_tls(stub, why);
    if (err == ERR_OK)
        err = read_script(stub, &script, why);
    if (err == ERR_OK && settings->forbid_file[0] != '\0')
        err = forbid_load(settings->forbid_file, &stub->forbid, why);
    if (err == ERR_OK)
        err = open_port(stub, why);
    if (err != ERR_OK)
        return err;
    stub->later = later_new();
    options.later = stub->later;
    options.forbid = stub->forbid;
    options.tls_cert = stub->tls_cert.len > 0 ? text_string(&stub->tls_cert) : NULL;
    options.tls_key = stub->tls_key.len > 0 ? text_string(&stub->tls_key) : NULL;
    return server_start(&options, &script, &stub->server, why);
}

static enum err tell_port(const struct stub *stub, struct why *why)
{
    CLEANUP(mem_free_p) char *text = mem_printf("%u\n", stub->port);
    printf("listening on %s port %u\n", stub->settings.address, stub->port);
    fflush(stdout);
    return stub->settings.port_file[0] == '\0' ? ERR_OK
                                               : file_write(stub->settings.port_file, text, why);
}

static void accept_all(struct stub *stub)
{
    for (int fd; (fd = accept4(stub->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;)
        server_add_connection(stub->server, fd);
}

// Fires what is due; the time until the next.
static int64_t fire_all(struct stub *stub)
{
    int64_t wait_ms = -1, now_ms = clock_mono_ms();
    for (void *item; (item = later_take(stub->later, now_ms, &wait_ms)) != NULL;) {
        // The port closes first: who hears of the reset finds it closed.
        int64_t close_ms = call_refuses_ms(item);
        if (close_ms > 0 && stub->closed_until_ms == 0)
            shutdown(stub->listener, SHUT_RDWR);
        if (close_ms > 0)
            stub->closed_until_ms = now_ms + close_ms;
        call_fire(item, now_ms);
    }
    return wait_ms;
}

// A listening socket that was shut down keeps its port and can listen again (Linux).
static enum err reopen(struct stub *stub, int64_t *wait_ms, struct why *why)
{
    int64_t left_ms = stub->closed_until_ms - clock_mono_ms();
    if (stub->closed_until_ms == 0)
        return ERR_OK;
    if (left_ms > 0) {
        *wait_ms = *wait_ms < 0 || left_ms < *wait_ms ? left_ms : *wait_ms;
        return ERR_OK;
    }
    stub->closed_until_ms = 0;
    return listen(stub->listener, BACKLOG) == 0
               ? ERR_OK
               : why_say(why, ERR_FATAL, "cannot listen again: %s", strerrordesc_np(errno));
}

static enum err serve(struct stub *stub, struct why *why)
{
    while (!program_is_stopping()) {
        int64_t wait_ms = fire_all(stub);
        enum err err = reopen(stub, &wait_ms, why);
        if (err != ERR_OK)
            return err;
        bool is_closed = stub->closed_until_ms != 0;
        struct pollfd fds[] = {{.fd = program_stop_fd(), .events = POLLIN},
                               {.fd = later_fd(stub->later), .events = POLLIN},
                               {.fd = is_closed ? -1 : stub->listener, .events = POLLIN}};
        IGNORE(poll(fds, ARRAY_LEN(fds), (int)wait_ms)); // whatever it says, the loop looks itself
        if (fds[2].revents != 0)
            accept_all(stub);
    }
    return ERR_OK;
}

static void close_stub(struct stub *stub)
{
    if (stub->server != NULL) {
        later_close(stub->later);
        fire_all(stub);
    }
    server_stop(stub->server);
    later_free(stub->later);
    if (stub->listener >= 0)
        close(stub->listener);
    forbid_free(stub->forbid);
    text_done(&stub->tls_cert);
    text_done(&stub->tls_key);
    settings_free(&spec, &stub->settings);
}

static enum err run(struct stub *stub, struct why *why)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        IGNORE(setrlimit(RLIMIT_NOFILE, &files)); // then there are fewer connections
    }
    enum err err = open_server(stub, why);
    if (err == ERR_OK)
        err = tell_port(stub, why);
    if (err == ERR_OK)
        err = serve(stub, why);
    program_stop(); // what is left in the queue is let go
    return err;
}

int main(int argc, char **argv)
{
    struct stub stub = {
        .listener = -1, .tls_cert = TEXT_INIT(PEM_MAX), .tls_key = TEXT_INIT(PEM_MAX)};
    struct why why = {0};
    int rest = 0;
    bool is_done = false;
    enum err err = settings_load(&spec, &stub.settings, argc, argv, &rest, &is_done, &why);
    if (err == ERR_OK && rest > 0)
        err = why_say(&why, ERR_FATAL, "takes no arguments beside settings, see --help");
    if (err == ERR_OK && !is_done) {
        program_init(GRACE_MS);
        err = run(&stub, &why);
    }
    if (err != ERR_OK)
        fprintf(stderr, "%s: %s\n", spec.program, why.text);
    close_stub(&stub);
    return err == ERR_OK ? EXIT_OK : EXIT_FAILED;
}
