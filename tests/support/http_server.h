// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

// An HTTP server on 127.0.0.1 for tests of clients: the path of a request says how it is answered,
// in ways that a real server is not (http_server.c lists them). Many connections, one thread.

struct http_server;

struct http_server *http_server_start(void);
void http_server_stop(struct http_server *server);
uint16_t http_server_port(const struct http_server *server);

// So far: requests read to their end, connections accepted, requests to /held that wait.
size_t http_server_requests(struct http_server *server);
size_t http_server_connections(struct http_server *server);
size_t http_server_held(struct http_server *server);
void http_server_release(struct http_server *server); // answers those, and all that come later

// A socket that listens on a free port of 127.0.0.1.
int listen_anywhere(uint16_t *ret_port);
