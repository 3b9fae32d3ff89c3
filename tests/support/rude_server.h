// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

// An HTTP server on 127.0.0.1 for tests of clients: the path of a request says how it is answered,
// in ways that a real server is not (rude_server.c lists them). Many connections, one thread.

struct rude_server;

struct rude_server *rude_server_start(void);
void rude_server_stop(struct rude_server *server);
uint16_t rude_server_port(const struct rude_server *server);

// So far: requests read to their end, connections accepted, requests to /held that wait.
size_t rude_server_requests(struct rude_server *server);
size_t rude_server_connections(struct rude_server *server);
size_t rude_server_held(struct rude_server *server);
void rude_server_release(struct rude_server *server); // answers those, and all that come later

// A socket that listens on a free port of 127.0.0.1.
int listen_anywhere(uint16_t *ret_port);
