// SPDX-License-Identifier: MIT
#include "password.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/program.h"
#include "crypto/crypto.h"

// Input is read byte by byte with read(2): stdio would keep a copy of the password in a buffer of
// its own.

struct line {
    char bytes[AUTH_PASSWORD_BYTES_MAX + 2];
    size_t len;
};

static void line_wipe(struct line *line)
{
    crypto_wipe(line, sizeof *line);
}

void password_wipe(struct password *password)
{
    crypto_wipe(password, sizeof *password);
}

// Up to the line's end, which is taken off, or the end of the input.
static enum err read_line(struct line *line, struct why *why)
{
    struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                            {.fd = program_stop_fd(), .events = POLLIN}};
    line->len = 0;
    for (;;) {
        char c = '\0';
        if (poll(fds, 2, -1) < 0 && errno == EINTR)
            continue;
        if (fds[1].revents != 0)
            return why_say(why, ERR_STOP, "stopped");
        ssize_t got = read(STDIN_FILENO, &c, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return why_say(why, ERR_FATAL, "standard input cannot be read: %s",
                           strerrordesc_np(errno));
        if (got == 0 || c == '\n')
            break;
        if (line->len > AUTH_PASSWORD_BYTES_MAX)
            return why_say(why, ERR_REJECT, "the line on standard input is longer than a password");
        line->bytes[line->len++] = c;
    }
    if (line->len > 0 && line->bytes[line->len - 1] == '\r')
        line->len--;
    if (line->len == 0)
        return why_say(why, ERR_REJECT,
                       "there is no password on standard input; give it there as one line, or use "
                       "--generate");
    return ERR_OK;
}

// Asks on the terminal, without showing what is typed.
static enum err ask(const char *prompt, struct line *line, struct why *why)
{
    struct termios shown, hidden;
    if (tcgetattr(STDIN_FILENO, &shown) != 0)
        return why_say(why, ERR_FATAL, "the terminal cannot be asked: %s", strerrordesc_np(errno));
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) != 0)
        return why_say(why, ERR_FATAL, "the terminal would show what is typed: %s",
                       strerrordesc_np(errno));
    fprintf(stderr, "%s: ", prompt); // only now: somebody may type as soon as it is seen
    enum err err = read_line(line, why);
    fputc('\n', stderr);
    IGNORE(tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown)); // a terminal that is gone shows nothing
    return err;
}

static enum err read_password(struct line *line, struct why *why)
{
    CLEANUP(line_wipe) struct line again = {.len = 0};
    if (isatty(STDIN_FILENO) == 0)
        return read_line(line, why);
    enum err err = ask("password", line, why);
    if (err == ERR_OK)
        err = ask("once more", &again, why);
    if (err == ERR_OK &&
        !bytes_equal(bytes_of(line->bytes, line->len), bytes_of(again.bytes, again.len)))
        err = why_say(why, ERR_REJECT, "the two differ");
    return err;
}

enum err password_choose(bool is_generated, int score_min, const char *username,
                         struct password *ret, struct why *why)
{
    CLEANUP(line_wipe) struct line line = {.len = 0};
    char unused[AUTH_OPAQUE_HASH_LEN + 1];
    ret->made[0] = '\0';
    if (is_generated) {
        auth_opaque_new(ret->made, unused);
        return auth_password_hash(bytes_from_string(ret->made), ret->hash, why);
    }
    enum err err = read_password(&line, why);
    if (err != ERR_OK)
        return err;
    const struct bytes password = bytes_of(line.bytes, line.len);
    err = auth_password_check(password, username, score_min, why);
    return err != ERR_OK ? err : auth_password_hash(password, ret->hash, why);
}
