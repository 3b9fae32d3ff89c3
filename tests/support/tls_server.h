// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>
#include <sys/types.h>

// A TLS server on 127.0.0.1 (openssl s_server, which answers any GET) with a certificate that only
// its own file vouches for. What cannot be started fails the test.

struct tls_server {
    char folder[32], key[48], cert[48];
    uint16_t port;
    pid_t pid;
};

// The certificate is for `name`, for example "localhost". It may not accept yet when this returns.
void tls_server_start(struct tls_server *server, const char *name);
void tls_server_stop(struct tls_server *server);
