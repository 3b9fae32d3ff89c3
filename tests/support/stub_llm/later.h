// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Things to do at their time: added from any thread, taken by one.

struct later;

struct later *later_new(void); // ends the process where the kernel gives no eventfd
void later_free(struct later *later);

// False once later_close was called: nothing will be taken any more.
bool later_add(struct later *later, int64_t due_ms, void *item);
// The item that is due longest, out of the queue; NULL where none is, and then *ret_wait_ms is the
// time until the next one, -1 where there is none.
void *later_take(struct later *later, int64_t now_ms, int64_t *ret_wait_ms);
// Refuses what comes from now on; after it later_take gives everything that is left, due or not.
void later_close(struct later *later);
int later_fd(const struct later *later); // readable after an add, until later_take was called
